using System.Text.Json;
using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Http;

/// <summary>
/// A body that is read field by field, so that one answer can name everything that is wrong with it. Whatever cannot be read at all
/// (another content type, too large, no JSON, nested too deeply) is one problem of the whole document.
/// </summary>
public static class JsonBody
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 32 };

    public static async Task<(JsonElement Body, FieldProblem? Problem)> ReadAsync(HttpRequest request, CancellationToken cancel)
    {
        if (!request.HasJsonContentType()) return (default, new("", "The body must be JSON: send Content-Type: application/json."));
        if (request.ContentLength > HttpSetup.LargestBody) return (default, TooLarge());
        try
        {
            using var document = await JsonDocument.ParseAsync(request.Body, Options, cancel);
            return (document.RootElement.Clone(), null);
        }
        catch (JsonException problem)
        {
            return (default, JsonProblem.Of(problem));
        }
        catch (BadHttpRequestException problem) when (problem.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return (default, TooLarge());
        }
    }

    /// <summary>The path of a field that is given twice in the same object, one of which was not meant; null when there is none.</summary>
    public static string? Duplicate(JsonElement json, string path = "")
    {
        if (json.ValueKind == JsonValueKind.Array)
        {
            return json.EnumerateArray()
                .Select((item, place) => Duplicate(item, $"{path}[{place}]"))
                .FirstOrDefault(found => found is not null);
        }
        if (json.ValueKind != JsonValueKind.Object) return null;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var field in json.EnumerateObject())
        {
            var at = At(path, field);
            if (!seen.Add(field.Name)) return at;
            if (Duplicate(field.Value, at) is { } below) return below;
        }
        return null;
    }

    /// <summary>
    /// The path of a text that is not plain; null when there is none. To be asked first: half of a character is valid JSON, and whoever
    /// reads it as text gets an exception. A name that cannot be shown is told by the object that it is in.
    /// </summary>
    public static string? Unreadable(JsonElement json, string path = "")
    {
        if (json.ValueKind == JsonValueKind.String) return IsPlain(json.GetString) ? null : path;
        if (json.ValueKind == JsonValueKind.Array)
        {
            return json.EnumerateArray()
                .Select((item, place) => Unreadable(item, $"{path}[{place}]"))
                .FirstOrDefault(found => found is not null);
        }
        if (json.ValueKind != JsonValueKind.Object) return null;
        foreach (var field in json.EnumerateObject())
        {
            if (!IsPlain(() => field.Name)) return path;
            if (Unreadable(field.Value, At(path, field)) is { } below) return below;
        }
        return null;
    }

    private static bool IsPlain(Func<string?> read)
    {
        try
        {
            return Text.IsPlain(read() ?? "");
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static string At(string path, JsonProperty field)
        => path.Length == 0 ? Text.Short(field.Name) : $"{path}.{Text.Short(field.Name)}";

    private static FieldProblem TooLarge() => new("", $"The body is larger than {HttpSetup.LargestBody / 1024} KiB.");
}

/// <summary>Tells the OpenAPI document that an endpoint reads a spec by itself.</summary>
public sealed record SpecBody;

/// <summary>Tells the OpenAPI document that an endpoint reads a submission by itself.</summary>
public sealed record SubmissionBody;
