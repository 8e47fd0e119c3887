using System.Text.Json;
using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Http;

/// <summary>
/// A body that is read field by field, so that one answer can name everything that is wrong with it. Whatever cannot be read at all
/// (another content type, too large, no JSON, nested too deeply, a field twice) is one problem of the whole document.
/// </summary>
public static class JsonBody
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 32, AllowDuplicateProperties = false };

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
            return (default, Problem(problem));
        }
        catch (BadHttpRequestException problem) when (problem.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return (default, TooLarge());
        }
    }

    private static FieldProblem TooLarge() => new("", $"The body is larger than {HttpSetup.LargestBody / 1024} KiB.");

    private static FieldProblem Problem(JsonException problem)
    {
        if (problem.Message.Contains("Duplicate propert", StringComparison.OrdinalIgnoreCase))
            return new("", "A field is given more than once in the same JSON object.");
        if (problem.Message.Contains("depth", StringComparison.OrdinalIgnoreCase))
            return new("", $"The JSON is nested too deeply; at most {Options.MaxDepth} levels are allowed.");
        return new("", $"The body is not valid JSON (line {problem.LineNumber + 1}, byte {problem.BytePositionInLine + 1}).");
    }
}

/// <summary>Tells the OpenAPI document that an endpoint reads a spec by itself.</summary>
public sealed record SpecBody;

/// <summary>Tells the OpenAPI document that an endpoint reads a submission by itself.</summary>
public sealed record SubmissionBody;
