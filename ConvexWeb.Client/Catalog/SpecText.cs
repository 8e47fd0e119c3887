using System.Text.Json;

namespace ConvexWeb.Client.Catalog;

/// <summary>What is JSON by its grammar and still cannot become a draft.</summary>
public static class SpecText
{
    /// <summary>
    /// Whether every object has each field once, and every name and text is one: half of a surrogate pair passes the parser.
    /// </summary>
    public static bool IsPlain(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => FieldsArePlain(element),
        JsonValueKind.Array => element.EnumerateArray().All(IsPlain),
        JsonValueKind.String => Text(element.GetString) is not null,
        _ => true,
    };

    private static bool FieldsArePlain(JsonElement element)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        return element.EnumerateObject().All(field => Text(() => field.Name) is { } name && seen.Add(name) && IsPlain(field.Value));
    }

    // Only asking tells.
    private static string? Text(Func<string?> ask)
    {
        try
        {
            return ask();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
