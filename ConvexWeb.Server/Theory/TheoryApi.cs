using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ConvexWeb.Server.Theory;

public static class TheoryApi
{
    public static void MapTheory(this IEndpointRouteBuilder api)
    {
        var theory = api.MapGroup("/theory").WithTags("Theory");
        theory.MapGet("/theorem-1", TheoremOne).Allow(Access.Read).WithSummary(
            $"Builds a ReLU network with 2n + d weights that has any labels at n points: 2 to {TheoremOneQuery.MostPoints} gaussian "
            + $"`points` of 1 to {TheoremOneQuery.MostDims} `dims`, {TheoremOneQuery.MostCoordinates / 1_000_000} million coordinates "
            + $"together, with random labels of 2 to {TheoremOneQuery.MostClasses} `classes`; a construction, not a training");
        theory.MapGet("/loss-convexity", LossConvexity).Allow(Access.Read).WithSummary(
            $"The ends of the Hessian's spectrum of a deep linear network's squared loss: 1 to {Training.Theory.LossConvexity.MostLayers} "
            + $"`layers` (weight matrices), `width` and `inputs` up to {Training.Theory.LossConvexity.MostWidth}; it is not convex in the "
            + "weights from two matrices on");
    }

    private static async Task<Results<Ok<TheoremOneView>, ValidationProblem>> TheoremOne(
        ITheory theory, int? points, int? dims, int? seed, int? classes, CancellationToken cancel)
    {
        var usual = new TheoremOneQuery();
        return TypedResults.Ok(await theory.TheoremOneAsync(
            new()
            {
                Points = points ?? usual.Points,
                Dims = dims ?? usual.Dims,
                Seed = seed ?? usual.Seed,
                Classes = classes ?? usual.Classes,
            }, cancel));
    }

    private static async Task<Results<Ok<LossConvexityView>, ValidationProblem>> LossConvexity(
        ITheory theory, int? layers, int? width, int? inputs, int? seed, CancellationToken cancel)
    {
        var usual = new LossConvexityQuery();
        return TypedResults.Ok(await theory.LossConvexityAsync(
            new()
            {
                Layers = layers ?? usual.Layers,
                Width = width ?? usual.Width,
                Inputs = inputs ?? usual.Inputs,
                Seed = seed ?? usual.Seed,
            }, cancel));
    }
}
