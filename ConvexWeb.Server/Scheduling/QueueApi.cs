using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ConvexWeb.Server.Scheduling;

public static class QueueApi
{
    /// <summary>Another share of the slots for a user.</summary>
    public sealed record ShareChange(double Weight, int? MaxRunning);

    public static void MapQueue(this IEndpointRouteBuilder api)
    {
        var queue = api.MapGroup("/queue").WithTags("Queue");
        queue.MapGet("", List).Allow(Access.Read)
            .WithSummary("What waits, in the order in which slots are given across all queues, of which one may be asked for: why each "
                + "item waits, and when it is expected to start");
        queue.MapGet("/policy", Policy)
            .Allow(Access.Read).WithSummary("What the lab has agreed on: limits, and whether it is closed for maintenance");
        queue.MapPut("/policy", ChangePolicy).Allow(Access.Administrator)
            .WithSummary("Changes the limits, or closes the lab for maintenance: what runs goes on, nothing new starts (administrators)");
        queue.MapGet("/shares", Shares).Allow(Access.Read).WithSummary("Users with another share of the slots than everybody's");
        queue.MapPut("/shares/{user}", ChangeShare)
            .Allow(Access.Administrator).WithSummary("Gives a user another weight or limit (administrators)");
    }

    private static async Task<Results<Ok<QueueView>, ValidationProblem>> List(
        IQueue all, string? queue, int? limit, CancellationToken cancel)
        => TypedResults.Ok(await all.ListAsync(queue, limit ?? 200, cancel));

    private static async Task<Ok<LabPolicy>> Policy(IQueue queue, CancellationToken cancel)
        => TypedResults.Ok(await queue.PolicyAsync(cancel));

    private static async Task<Results<Ok<LabPolicy>, ValidationProblem, ForbidHttpResult>> ChangePolicy(
        LabPolicy policy, IQueue queue, CancellationToken cancel) => TypedResults.Ok(await queue.ChangePolicyAsync(policy, cancel));

    private static async Task<Ok<IReadOnlyList<UserShare>>> Shares(IQueue queue, CancellationToken cancel)
        => TypedResults.Ok(await queue.SharesAsync(cancel));

    private static async Task<Results<Ok<UserShare>, ValidationProblem, ForbidHttpResult>> ChangeShare(
        string user, ShareChange change, IQueue queue, CancellationToken cancel)
        => TypedResults.Ok(await queue.ChangeShareAsync(new(user, change.Weight, change.MaxRunning), cancel));
}
