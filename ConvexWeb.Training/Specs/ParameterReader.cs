using System.Globalization;
using System.Text.Json;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Specs;

/// <summary>Reads one JSON value as a parameter of the schema, or says in one sentence why it cannot be.</summary>
internal static class ParameterReader
{
    private const int LongestList = 1000;

    public static (bool Ok, object? Value) Read(Parameter parameter, string path, JsonElement json, List<SpecProblem> problems)
    {
        if (json.ValueKind == JsonValueKind.Null && parameter.Optional) return (true, null);
        object? value = parameter.Type switch
        {
            ParameterType.Int => Int(parameter, json),
            ParameterType.Number => Number(parameter, json),
            ParameterType.Bool => json.ValueKind is JsonValueKind.True or JsonValueKind.False ? json.GetBoolean() : null,
            ParameterType.Text => json.ValueKind == JsonValueKind.String ? json.GetString() : null,
            ParameterType.Choice => Choice(parameter, json),
            ParameterType.IntList => List(parameter, json, Int),
            ParameterType.NumberList => List(parameter, json, Number),
            _ => throw new NotSupportedException(parameter.Type.ToString()),
        };
        if (value is not null) return (true, value);
        problems.Add(new(path, $"{path} must be {Allowed(parameter)}; got {SpecReader.Show(json)}."));
        return (false, null);
    }

    /// <summary>What the parameter takes, in words.</summary>
    public static string Allowed(Parameter parameter)
    {
        var range = parameter switch
        {
            { Min: { } min, Max: { } max } => $" from {Show(min)} to {Show(max)}",
            { Min: { } min } => $" of at least {Show(min)}",
            { Max: { } max } => $" of at most {Show(max)}",
            _ => "",
        };
        var what = parameter.Type switch
        {
            ParameterType.Int => "a whole number" + range,
            ParameterType.Number => "a number" + range,
            ParameterType.Bool => "true or false",
            ParameterType.Text => "text",
            ParameterType.Choice => "one of " + SpecReader.Words(parameter.Allowed!),
            ParameterType.IntList => $"a list of 1 to {LongestList} whole numbers" + range,
            _ => $"a list of 1 to {LongestList} numbers" + range,
        };
        return parameter.Optional ? what + ", or null" : what;
    }

    private static object? Choice(Parameter parameter, JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.String || json.GetString() is not { } word || !parameter.Allowed!.Contains(word)) return null;
        return parameter.Property.PropertyType is { IsEnum: true } type ? ChoiceWord.Find(type, word) : word;
    }

    private static object? Int(Parameter parameter, JsonElement json)
        => json.ValueKind == JsonValueKind.Number && json.TryGetInt32(out var value) && InRange(parameter, value) ? value : null;

    // A number too large for a double is read as infinite, which no range holds.
    private static object? Number(Parameter parameter, JsonElement json)
        => json.ValueKind == JsonValueKind.Number && json.TryGetDouble(out var value) && double.IsFinite(value) && InRange(parameter, value)
            ? value
            : null;

    private static bool InRange(Parameter parameter, double value)
        => value >= (parameter.Min ?? double.MinValue) && value <= (parameter.Max ?? double.MaxValue);

    private static object? List(Parameter parameter, JsonElement json, Func<Parameter, JsonElement, object?> element)
    {
        if (json.ValueKind != JsonValueKind.Array || json.GetArrayLength() is 0 or > LongestList) return null;
        var values = json.EnumerateArray().Select(e => element(parameter, e)).ToList();
        if (values.Contains(null)) return null;
        return parameter.Type == ParameterType.IntList
            ? values.Select(v => (int)v!).ToList()
            : values.Select(v => (double)v!).ToList();
    }

    private static string Show(double value)
        => value.ToString(Math.Abs(value) is >= 1e6 or (> 0 and < 1e-4) ? "0.#######E+0" : "0.#######", CultureInfo.InvariantCulture);
}
