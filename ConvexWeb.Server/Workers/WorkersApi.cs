using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ConvexWeb.Server.Workers;

public static class WorkersApi
{
    public static void MapWorkers(this IEndpointRouteBuilder api)
    {
        var workers = api.MapGroup("/workers").WithTags("Workers");
        workers.MapGet("", List)
            .Allow(Access.Read).WithSummary("Workers of the cluster: what they train now, and what their hosts have and use");
        workers.MapGet("/{name}/samples", Samples).Allow(Access.Read).WithSummary(
            "Figures of a worker's devices over time, oldest first: of the last hour, or since a time, at most 7 days ago. "
            + $"Of each device at most {StoredWorkers.MostSamples}: over a longer time one stands for several, with the means of "
            + "utilisation and power and the highest memory and temperature");
        workers.MapPost("/{name}/drain", Drain).Allow(Access.Administrator)
            .WithSummary("Lets a worker take nothing new, also when it is started again; what it trains goes on. Administrators only");
        workers.MapPost("/{name}/resume", Resume)
            .Allow(Access.Administrator).WithSummary("Lets a worker take work again. Administrators only");
    }

    private static async Task<Ok<IReadOnlyList<WorkerView>>> List(IWorkers workers, CancellationToken cancel)
        => TypedResults.Ok(await workers.ListAsync(cancel));

    private static async Task<Results<Ok<IReadOnlyList<WorkerSample>>, NotFound, ValidationProblem>> Samples(
        string name, IWorkers workers, DateTimeOffset? since, CancellationToken cancel)
        => await workers.SamplesAsync(name, since, cancel) is { } samples ? TypedResults.Ok(samples) : TypedResults.NotFound();

    private static Task<Results<NoContent, NotFound>> Drain(string name, IWorkers workers, CancellationToken cancel)
        => SetAsync(name, draining: true, workers, cancel);

    private static Task<Results<NoContent, NotFound>> Resume(string name, IWorkers workers, CancellationToken cancel)
        => SetAsync(name, draining: false, workers, cancel);

    private static async Task<Results<NoContent, NotFound>> SetAsync(string name, bool draining, IWorkers workers, CancellationToken cancel)
        => await workers.DrainAsync(name, draining, cancel) ? TypedResults.NoContent() : TypedResults.NotFound();
}
