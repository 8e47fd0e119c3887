using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Specs;

/// <summary>A spec as JSON, whole: every field filled in, in the catalogue's order.</summary>
public static class SpecWriter
{
    public static JsonObject ToJson(Spec spec)
    {
        var json = new JsonObject { [SpecVersions.Field] = SpecVersions.Current };
        foreach (var section in Catalogue.Sections)
        {
            var options = SpecReader.PropertyOf(section).GetValue(spec)!;
            var fields = new JsonObject();
            if (options is ChoiceOptions choice) fields["name"] = choice.Name;
            foreach (var parameter in Schema.Of(options.GetType()))
                fields[parameter.Name] = ValueToJson(parameter.Property.GetValue(options));
            json[section.Key] = fields;
        }
        return json;
    }

    /// <summary>A parameter's value (int, double, bool, string, enum, list of int or double, null) as JSON.</summary>
    public static JsonNode? ValueToJson(object? value) => value switch
    {
        null => null,
        int number => JsonValue.Create(number),
        double number => JsonValue.Create(number),
        bool truth => JsonValue.Create(truth),
        string text => JsonValue.Create(text),
        Enum choice => JsonValue.Create(ChoiceWord.Of(choice)),
        IEnumerable<int> list => new JsonArray([.. list.Select(n => (JsonNode)n)]),
        IEnumerable<double> list => new JsonArray([.. list.Select(n => (JsonNode)n)]),
        _ => throw new NotSupportedException(value.GetType().Name),
    };

    /// <summary>
    /// Same for specs that say the same: runs that differ in nothing but the seed share it. Fields at their default are left out, so that a
    /// field that comes with a later version leaves the groups of earlier runs as they are.
    /// </summary>
    public static string GroupKey(Spec spec)
    {
        var json = ToJson(spec);
        json.Remove(SpecVersions.Field);
        var unsaid = SpecVersions.Unsaid(json);
        foreach (var section in Catalogue.Sections)
        {
            var options = SpecReader.PropertyOf(section).GetValue(spec)!;
            foreach (var parameter in Schema.Of(options.GetType()))
            {
                var usual = unsaid.TryGetValue((section.Key, parameter.Name), out var then) ? then : ValueToJson(parameter.Default);
                if (Same(json[section.Key]![parameter.Name], usual)) json[section.Key]!.AsObject().Remove(parameter.Name);
            }
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(json.ToJsonString())))[..16];
    }

    // 0 and 0.0 are one value.
    private static bool Same(JsonNode? one, JsonNode? other)
        => JsonNode.DeepEquals(one, other) || Number(one) is { } a && Number(other) is { } b && a.Equals(b);

    private static double? Number(JsonNode? node)
        => node is JsonValue value && value.GetValueKind() == JsonValueKind.Number
            ? double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture)
            : null;
}
