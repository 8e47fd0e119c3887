using System.Text.Json;
using System.Text.RegularExpressions;
using ConvexWeb.Client.Contracts;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ConvexWeb.Server.Http;

/// <summary>The one place that turns what went wrong into an answer (RFC 9457).</summary>
public static class Problems
{
    private const string InvalidTitle = "The request is not valid.";

    // A small request can have any number of them, and an answer must not be larger than what was asked.
    private const int MostProblems = 50;
    private const int LongestPath = 100;
    private const int LongestMessage = 1000;

    public static ValidationProblem Invalid(IEnumerable<FieldProblem> problems)
    {
        var all = problems.ToList();
        return TypedResults.ValidationProblem(Errors(Cut(all)), Detail(all), title: InvalidTitle);
    }

    /// <summary>The first of them, short, and how many are left out.</summary>
    public static IReadOnlyList<FieldProblem> Cut(IReadOnlyList<FieldProblem> problems) => problems.Count <= MostProblems
        ? [.. problems.Select(Short)]
        : [.. problems.Take(MostProblems).Select(Short), new("", $"{problems.Count - MostProblems} more problems are left out.")];

    // For those who read one sentence; the fields are in errors.
    private static string? Detail(List<FieldProblem> problems) => problems switch
    {
        [] => null,
        [var only] => Short(only).Message,
        { Count: > MostProblems } =>
            $"{Short(problems[0]).Message} ({MostProblems - 1} more in errors, and {problems.Count - MostProblems} that are left out.)",
        _ => $"{Short(problems[0]).Message} ({problems.Count - 1} more in errors.)",
    };

    private static FieldProblem Short(FieldProblem problem)
        => new(Text.Cut(problem.Path, LongestPath, "…"), Text.Cut(problem.Message, LongestMessage, "…"));

    public static ProblemHttpResult Conflict(string message)
        => TypedResults.Problem(message, statusCode: StatusCodes.Status409Conflict, title: "That is not possible now.");

    public static ProblemHttpResult Forbidden(string message)
        => TypedResults.Problem(message, statusCode: StatusCodes.Status403Forbidden);

    /// <summary>No answer is a bare status: one that nobody wrote a sentence for gets this.</summary>
    public static string? Usual(HttpContext context, int? status) => status switch
    {
        StatusCodes.Status400BadRequest => "The request could not be read.",
        StatusCodes.Status401Unauthorized => "Sign in first, or send a token: Authorization: Bearer cvx_…",
        StatusCodes.Status403Forbidden => AccessRules.Refusal(context),
        StatusCodes.Status404NotFound => "There is nothing at this address: it was deleted, or never was.",
        StatusCodes.Status405MethodNotAllowed => $"{context.Request.Method} is not possible here; {context.Response.Headers.Allow} is.",
        StatusCodes.Status422UnprocessableEntity => "Something that was to be named is missing.",
        StatusCodes.Status415UnsupportedMediaType => "The body must be JSON: send Content-Type: application/json.",
        _ => null,
    };

    internal static Dictionary<string, string[]> Errors(IEnumerable<FieldProblem> problems) => problems
        .GroupBy(problem => problem.Path)
        .ToDictionary(group => group.Key, group => group.Select(problem => problem.Message).ToArray());
}

/// <summary>Programs get problem details; people get a page, or are led to where they can go on.</summary>
public sealed partial class ProblemHandler(IProblemDetailsService writer, ILogger<ProblemHandler> log) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is OperationCanceledException && httpContext.RequestAborted.IsCancellationRequested)
        {
            httpContext.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
            return true;
        }

        // A form that was opened before its reader signed in, in another tab for example, carries a token that no longer fits.
        if (exception is BadHttpRequestException { InnerException: AntiforgeryValidationException }
            && httpContext.Request.Path.StartsWithSegments(PagesSetup.FormsPath)
            && PagesSetup.TakesPages(httpContext.Request))
        {
            httpContext.Response.Redirect(httpContext.User.Identity?.IsAuthenticated == true ? "/" : "/signin?error=stale");
            return true;
        }

        if (exception is InvalidInputException invalid) return await WriteInvalidAsync(httpContext, invalid.Problems);
        if (exception is BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest } bad)
            return await WriteInvalidAsync(httpContext, [Describe(bad)]);

        var (status, detail) = (exception, Failures.Of(exception)) switch
        {
            (BadHttpRequestException other, _) => (other.StatusCode, Sentence(other)),
            // Kestrel's, where a chunk says that it is longer than a number can be.
            (IOException { InnerException: OverflowException }, _) =>
                (StatusCodes.Status400BadRequest, "The body could not be read: the size of a part is no number."),
            (RefusedException refused, _) => (refused.Status, refused.Message),
            (AccessDeniedException denied, _) => (StatusCodes.Status403Forbidden, denied.Message),
            (_, DatabaseFault.DiskFull) => (StatusCodes.Status507InsufficientStorage,
                "The database's disk is full, so nothing can be stored. Make room on it; nothing that is stored is lost."),
            (_, DatabaseFault.Unreachable) =>
                (StatusCodes.Status503ServiceUnavailable, "The database cannot be reached at the moment; try again soon."),
            _ => (StatusCodes.Status500InternalServerError,
                $"Something went wrong here; the log has it under {httpContext.TraceIdentifier}."),
        };
        if (status >= 500) log.LogError(exception, "{Method} {Path} failed", httpContext.Request.Method, httpContext.Request.Path);
        httpContext.Response.StatusCode = status;
        if (status == StatusCodes.Status429TooManyRequests) httpContext.Response.Headers.RetryAfter = RateLimits.RetryAfterSeconds;
        if (PagesSetup.IsPage(httpContext.Request)) return await ProblemPage.WriteAsync(httpContext.Response, detail, cancellationToken);
        return await WriteAsync(httpContext, new() { Status = status, Detail = detail });
    }

    private async ValueTask<bool> WriteInvalidAsync(HttpContext context, IReadOnlyList<FieldProblem> problems)
    {
        await Problems.Invalid(problems).ExecuteAsync(context);
        return true;
    }

    private async ValueTask<bool> WriteAsync(HttpContext context, Microsoft.AspNetCore.Mvc.ProblemDetails details)
    {
        if (!await writer.TryWriteAsync(new ProblemDetailsContext { HttpContext = context, ProblemDetails = details }))
            await TypedResults.Problem(details).ExecuteAsync(context);
        return true;
    }

    private static FieldProblem Describe(BadHttpRequestException bad)
    {
        if (bad.InnerException is JsonException json) return JsonProblem.Of(json);
        var match = Unbound().Match(bad.Message);
        if (!match.Success) return new("", Sentence(bad));
        var (type, name, value) = (match.Groups[1].Value, match.Groups[2].Value, match.Groups[3].Value);
        return new(name, $"{name} '{Text.Short(value)}' is not {Kind(type)}.");
    }

    private static string Sentence(BadHttpRequestException bad) => bad.StatusCode switch
    {
        StatusCodes.Status413PayloadTooLarge => $"The body is larger than {HttpSetup.LargestBody / 1024} KiB.",
        StatusCodes.Status415UnsupportedMediaType => "The body must be JSON: send Content-Type: application/json.",
        _ when bad.Message.StartsWith("Implicit body", StringComparison.Ordinal)
            || bad.Message.StartsWith("Required parameter", StringComparison.Ordinal) => "The body is empty: send JSON.",
        _ => bad.Message,
    };

    private static string Kind(string type) => type switch
    {
        _ when type.Contains("long", StringComparison.OrdinalIgnoreCase) || type.Contains("int", StringComparison.OrdinalIgnoreCase) =>
            "a whole number",
        _ when type.Contains("RunState", StringComparison.Ordinal) =>
            $"a state; allowed are {string.Join(", ", Enum.GetNames<RunState>())}",
        _ when type.Contains("Guid", StringComparison.Ordinal) => "an id",
        _ when type.Contains("DateTimeOffset", StringComparison.Ordinal) => "a time such as 2026-01-31T12:00:00Z",
        _ => "a value that is allowed here",
    };

    [GeneratedRegex("""^Failed to bind parameter "(.+) (\S+)" from "(.*)"\.$""", RegexOptions.Singleline)]
    private static partial Regex Unbound();
}
