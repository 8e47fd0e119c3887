using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ConvexWeb.Client.Catalog;

/// <summary>Between the text of a form field and a value of a spec.</summary>
public static class FieldValue
{
    public static string Text(JsonNode? value) => value?.GetValueKind() switch
    {
        null or JsonValueKind.Null => "",
        JsonValueKind.String => value.GetValue<string>(),
        JsonValueKind.Array => string.Join(", ", value.AsArray().Select(Text)),
        _ => value.ToJsonString(),
    };

    /// <summary>The value that the text means for a type; the text itself where it means none, so that the check can name it.</summary>
    public static JsonNode? Parse(string type, string text)
    {
        text = text.Trim();
        return type switch
        {
            "text" or "choice" => text,
            "bool" => bool.TryParse(text, out var flag) ? flag : text,
            "int_list" or "number_list" => List(text),
            // The word is for a field that is varied, where nothing cannot be typed between two commas.
            _ when text is "" or "null" => null,
            _ => Number(text),
        };
    }

    private static JsonArray List(string text)
    {
        var parts = text.Trim('[', ']').Split([',', ' '], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return new([.. parts.Select(Number)]);
    }

    private static JsonNode Number(string text)
    {
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return whole;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number
            : text;
    }
}
