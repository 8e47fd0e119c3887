using System.Text;
using System.Text.Json;

namespace ConvexWeb.Training.Specs;

/// <summary>What JSON text can hide from a reader that trusts it.</summary>
public static class JsonText
{
    private static readonly string[] NonFinite = ["-Infinity", "Infinity", "NaN"];

    /// <summary>
    /// Puts bare NaN and Infinity, which are no JSON, into quotes: the document can then be read, and the problem is reported at its field
    /// instead of at a line and position.
    /// </summary>
    public static string QuoteNonFinite(string json)
    {
        var result = new StringBuilder(json.Length);
        var inString = false;
        for (var i = 0; i < json.Length; i++)
        {
            if (!inString && NonFinite.FirstOrDefault(word => string.CompareOrdinal(json, i, word, 0, word.Length) == 0) is { } found)
            {
                result.Append('"').Append(found).Append('"');
                i += found.Length - 1;
                continue;
            }
            if (inString && json[i] == '\\' && i + 1 < json.Length) result.Append(json[i++]);
            else if (json[i] == '"') inString = !inString;
            result.Append(json[i]);
        }
        return result.ToString();
    }

    /// <summary>The path of the first name or text that is no Unicode text (half of a surrogate pair); null where all is well.</summary>
    public static string? BrokenText(JsonElement json, string path = "")
    {
        try
        {
            switch (json.ValueKind)
            {
                case JsonValueKind.String:
                    json.GetString();
                    return null;
                case JsonValueKind.Array:
                    return json.EnumerateArray().Select(item => BrokenText(item, path)).FirstOrDefault(found => found is not null);
                case JsonValueKind.Object:
                    return json.EnumerateObject()
                        .Select(field => BrokenText(field.Value, path.Length == 0 ? field.Name : $"{path}.{field.Name}"))
                        .FirstOrDefault(found => found is not null);
                default:
                    return null;
            }
        }
        catch (InvalidOperationException)
        {
            return path;
        }
    }
}
