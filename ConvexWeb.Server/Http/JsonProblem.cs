using System.Collections;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Http;

/// <summary>One sentence for JSON that cannot be read, and the path of the field.</summary>
internal static partial class JsonProblem
{
    public static FieldProblem Of(JsonException json)
    {
        var path = (json.Path ?? "$").TrimStart('$').TrimStart('.');
        if (json.Message.Contains("could not be mapped to any", StringComparison.Ordinal))
            return new(path, $"{path} is not a field that is known here.");
        if (json.Message.Contains("missing required properties", StringComparison.Ordinal))
            return new(path, $"Missing: {Quoted(json.Message)}.");
        if (json.Message.Contains("Duplicate propert", StringComparison.OrdinalIgnoreCase))
            return new(path, $"{path} is given more than once.");
        if (json.Message.Contains("allow null values", StringComparison.Ordinal)) return new(path, $"{path} may not be null.");
        if (json.Message.Contains("depth", StringComparison.OrdinalIgnoreCase))
            return new("", "The JSON is nested too deeply; at most 32 levels are allowed.");
        if (json.InnerException is JsonException || path.Length == 0) // the reader itself gave up
            return new("", $"The body is not valid JSON (line {json.LineNumber + 1}, byte {json.BytePositionInLine + 1}).");

        // Half of a character is valid JSON, but no text: only the one who wants it as text finds out.
        return json.InnerException is InvalidOperationException { InnerException: null } half
            && half.Message.Contains("UTF", StringComparison.Ordinal)
            ? Text.NotPlain(path)
            : new(path, $"{path} must be {Wanted(json.Message, path)}.");
    }

    // The reader names the type that it wanted, or the one whose field it is.
    private static string Wanted(string message, string path)
    {
        var named = Find(Converted().Match(message).Groups[1].Value);
        var field = path[(path.LastIndexOf('.') + 1)..];
        var type = named?.GetProperties()
            .FirstOrDefault(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name) == field)?.PropertyType ?? named;
        return (type is null ? null : Nullable.GetUnderlyingType(type) ?? type) switch
        {
            null => "of another kind",
            { IsEnum: true } choice => $"one of {string.Join(", ", Enum.GetNames(choice).Select(name => Words.Of(choice, name)))}",
            var number when number == typeof(int) || number == typeof(long) => "a whole number",
            var number when number == typeof(double) => "a number",
            var text when text == typeof(string) => "text",
            var truth when truth == typeof(bool) => "true or false",
            var list when list.IsAssignableTo(typeof(IEnumerable)) => "a list",
            _ => "of another kind",
        };
    }

    private static Type? Find(string name) => name.Length == 0
        ? null
        : typeof(FieldProblem).Assembly.GetType(name) ?? typeof(JsonProblem).Assembly.GetType(name) ?? Type.GetType(name);

    private static string Quoted(string message)
        => string.Join(", ", QuotedName().Matches(message).Skip(1).Select(match => match.Groups[1].Value));

    [GeneratedRegex(@"converted to (\S+)\. Path")]
    private static partial Regex Converted();

    [GeneratedRegex("'([^']+)'")]
    private static partial Regex QuotedName();
}
