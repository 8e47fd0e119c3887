using System.Text.Json.Serialization;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Studies;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using FilterSnapshot = ConvexWeb.Training.Events.FilterSnapshot;

namespace ConvexWeb.Server.Runs;

/// <summary>A study that was made.</summary>
public sealed record Submitted(long StudyId, IReadOnlyList<long> RunIds);

/// <summary>A page of runs.</summary>
/// <param name="Next">To be passed as <c>after</c> for the page that follows; null when there is none.</param>
/// <param name="Total">How many match; left out of a page that was asked for with <c>after</c>.</param>
public sealed record ListedRuns(
    IReadOnlyList<RunRow> Items, string? Next,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Total = null);

public static class RunsApi
{
    public static IServiceCollection AddRuns(this IServiceCollection services) => services
        .AddSingleton<PointReader>().AddSingleton<RunActions>().AddSingleton<RunFolders>().AddScoped<IRuns, StoredRuns>();

    public static void MapRuns(this IEndpointRouteBuilder api)
    {
        var runs = api.MapGroup("/runs").WithTags("Runs");
        runs.MapPost("", Submit).Allow(Access.Submit).MakesOnce()
            .WithSummary("Submits a spec × grid × seeds as a study; all of it, or nothing")
            .WithMetadata(new SubmissionBody())
            .RequireRateLimiting(RateLimits.Submit);
        runs.MapGet("", List).Allow(Access.Read).WithSummary(
            "Runs, newest first; pass the page's `next` as `after` for the page that follows, which comes without `total`; or jump to a "
            + "place with `skip`, a number of runs");
        runs.MapGet("/{id:long}", Find).Allow(Access.Read).WithSummary("A run whole: spec, attempts, checkpoints, newest values");
        runs.MapGet("/details", FindAll)
            .Allow(Access.Read).WithSummary("Several runs whole, in order of their ids; those that do not exist are left out");
        runs.MapGet("/{id:long}/points", Points)
            .Allow(Access.Read).WithSummary("Points in columns; pass `seq` as `after` while `more` is true");
        runs.MapGet("/{id:long}/log", Log).Allow(Access.Read).WithSummary("Log lines; pass the last line's id as `after`");
        runs.MapGet("/{id:long}/summary", Summary).Allow(Access.Read)
            .WithSummary("What a run that ended well says of its last evaluation: confusion, calibration, layers, best and last figures");
        runs.MapGet("/{id:long}/filters", Filters).Allow(Access.Read)
            .WithSummary("Filters of the first layer, of the epochs that the spec names in training.filter_epochs; "
                + "once the run has ended well");
        runs.MapPost("/{id:long}/cancel", (long id, IRuns all, CancellationToken cancel) => Act(ItemAction.Cancel, id, all, cancel))
            .Allow(Access.Submit)
            .WithSummary("Cancels a run that waits, or asks a running one to stop; its creator and administrators may");
        runs.MapPost("/{id:long}/pause", (long id, IRuns all, CancellationToken cancel) => Act(ItemAction.Pause, id, all, cancel))
            .Allow(Access.Submit).WithSummary("Stops a run with a checkpoint, until it is resumed; its creator and administrators may");
        runs.MapPost("/{id:long}/resume", (long id, IRuns all, CancellationToken cancel) => Act(ItemAction.Resume, id, all, cancel))
            .Allow(Access.Submit).WithSummary("A paused run waits for a slot again, and goes on from its checkpoint");
        runs.MapPost("/{id:long}/requeue", (long id, IRuns all, CancellationToken cancel) => Act(ItemAction.Requeue, id, all, cancel))
            .Allow(Access.Submit).WithSummary("A run that failed or was cancelled is queued again, and goes on from its checkpoint");
        runs.MapPost("/actions", ActOnAll).Allow(Access.Submit).WithSummary("Cancels, pauses, resumes or requeues many runs at once");
        runs.MapPost("/priority", Prioritise).Allow(Access.Submit).WithSummary("Gives runs that have not ended another priority");
        runs.MapPost("/{id:long}/rerun", Rerun).MakesOnce()
            .Allow(Access.Submit).RequireRateLimiting(RateLimits.Submit).WithSummary("Queues the same spec and seed again");
        api.MapGet("/studies", Studies)
            .Allow(Access.Read).WithTags("Runs").WithSummary("The newest studies, newest first, and how many runs each has");
        api.MapStudyMeasures();
        api.MapCheckpoints();
    }

    private static async Task<Results<Created<Submitted>, ValidationProblem>> Submit(
        HttpRequest request, IRuns runs, CancellationToken cancel)
    {
        var (body, problem) = await JsonBody.ReadAsync(request, cancel);
        if (problem is not null) return Problems.Invalid([problem]);
        var (submission, problems) = SubmissionReader.Read(body);
        if (submission is null) return Problems.Invalid(problems);
        var result = await runs.SubmitAsync(submission, cancel);
        return result.Accepted
            ? TypedResults.Created($"/api/v1/runs?studyId={result.StudyId}", new Submitted(result.StudyId!.Value, result.RunIds))
            : Problems.Invalid(result.Problems);
    }

    private static async Task<Results<Ok<ListedRuns>, ValidationProblem>> List(
        IRuns runs, RunState? state, string? search, long? studyId, long[]? ids, string? after, int? skip, int? limit,
        CancellationToken cancel)
    {
        var query = new RunQuery
        {
            State = state,
            Search = search,
            StudyId = studyId,
            Ids = ids is { Length: > 0 } ? ids : null,
            After = after,
            Skip = skip ?? 0,
            Limit = limit ?? 50,
            Count = string.IsNullOrEmpty(after), // a reader of a further page has the total from the first
        };
        var page = await runs.ListAsync(query, cancel);
        return TypedResults.Ok(new ListedRuns(page.Items, page.Next, query.Count ? page.Total : null));
    }

    private static async Task<Results<Ok<IReadOnlyList<StudyView>>, ValidationProblem>> Studies(
        IRuns runs, int? limit, CancellationToken cancel) => TypedResults.Ok(await runs.StudiesAsync(limit ?? 50, cancel));

    private static async Task<Results<Ok<RunDetail>, NotFound>> Find(long id, IRuns runs, CancellationToken cancel) =>
        await runs.FindAsync(id, cancel) is { } run ? TypedResults.Ok(run) : TypedResults.NotFound();

    private static async Task<Results<Ok<IReadOnlyList<RunDetail>>, ValidationProblem>> FindAll(
        IRuns runs, long[] ids, CancellationToken cancel) => TypedResults.Ok(await runs.FindAllAsync(ids, cancel));

    private static async Task<Results<Ok<PointBatch>, NotFound, ValidationProblem>> Points(
        long id, IRuns runs, long? after, long? fromStep, long? toStep, string[]? metrics, int? limit, CancellationToken cancel)
    {
        var query = new PointQuery
        {
            After = after ?? 0,
            FromStep = fromStep,
            ToStep = toStep,
            Metrics = metrics is { Length: > 0 } ? metrics : null,
            Limit = limit ?? PointReader.MostPoints,
        };
        return await runs.PointsAsync(id, query, cancel) is { } batch ? TypedResults.Ok(batch) : TypedResults.NotFound();
    }

    private static async Task<Results<Ok<IReadOnlyList<LogLine>>, NotFound, ValidationProblem>> Log(
        long id, IRuns runs, long? after, int? limit, CancellationToken cancel) =>
        await runs.LogAsync(id, after ?? 0, limit ?? 1000, cancel) is { } lines ? TypedResults.Ok(lines) : TypedResults.NotFound();

    private static async Task<Results<Ok<RunSummary>, NotFound>> Summary(long id, IRuns runs, CancellationToken cancel) =>
        await runs.SummaryAsync(id, cancel) is { } summary ? TypedResults.Ok(summary) : TypedResults.NotFound();

    private static async Task<Results<Ok<IReadOnlyList<FilterSnapshot>>, NotFound>> Filters(
        long id, NpgsqlDataSource database, CancellationToken cancel) =>
        await RunSummaries.FiltersAsync(database, id, cancel) is { } filters ? TypedResults.Ok(filters) : TypedResults.NotFound();

    private static async Task<Results<Ok<ActionResult>, NotFound, ProblemHttpResult>> Act(
        ItemAction action, long id, IRuns runs, CancellationToken cancel) =>
        await runs.ActAsync(action, id, cancel) switch
        {
            { Found: false } => TypedResults.NotFound(),
            { Denied: true } denied => Problems.Forbidden(denied.Message!),
            { Done: false } refused => Problems.Conflict(refused.Message!),
            var done => TypedResults.Ok(done),
        };

    private static async Task<Results<Ok<BulkResult>, ValidationProblem>> ActOnAll(
        BulkAction action, IRuns runs, CancellationToken cancel) => TypedResults.Ok(await runs.ActOnAllAsync(action, cancel));

    private static async Task<Results<Ok<BulkResult>, ValidationProblem, ForbidHttpResult>> Prioritise(
        Prioritise change, IRuns runs, CancellationToken cancel) => TypedResults.Ok(await runs.PrioritiseAsync(change, cancel));

    private static async Task<Results<Created<ActionResult>, NotFound, ProblemHttpResult>> Rerun(
        long id, IRuns runs, CancellationToken cancel) =>
        await runs.RerunAsync(id, cancel) switch
        {
            { Found: false } => TypedResults.NotFound(),
            { Done: false } refused => Problems.Conflict(refused.Message!),
            var done => TypedResults.Created($"/api/v1/runs/{done.NewRunId}", done),
        };
}
