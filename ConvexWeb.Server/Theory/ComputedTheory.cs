using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Training.Theory;
using Loss = ConvexWeb.Training.Theory.LossConvexity;

namespace ConvexWeb.Server.Theory;

/// <summary>What pages and API ask of the theory: checked, computed behind the gate, and not stored.</summary>
internal sealed class ComputedTheory(Caller caller, TheoryGate gate, TimeProvider time) : ITheory
{
    // Theorem 1 itself; deeper networks are for the command line.
    private const int Depth = 2;

    public async Task<TheoremOneView> TheoremOneAsync(TheoremOneQuery query, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        Refuse(Problems(query));
        try
        {
            return TheoryViews.Of(await gate.RunAsync(
                stop => TheoremOneStudy.Run(
                    LabelledPoints.Gaussian(query.Points, query.Dims, query.Classes, (ulong)query.Seed), (ulong)query.Seed, outputs: true,
                    Depth, time, stop),
                cancel));
        }
        catch (TheoryException e)
        {
            throw new InvalidInputException("points", e.Message);
        }
    }

    public async Task<LossConvexityView> LossConvexityAsync(LossConvexityQuery query, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        Refuse(Problems(query));
        return TheoryViews.Of(await gate.RunAsync(
            stop => Loss.Run(query.Layers, query.Width, query.Inputs, (ulong)query.Seed, time, stop), cancel));
    }

    private static IEnumerable<FieldProblem?> Problems(TheoremOneQuery query)
    {
        yield return Range("points", query.Points, 2, TheoremOneQuery.MostPoints);
        yield return Range("dims", query.Dims, 1, TheoremOneQuery.MostDims);
        yield return Range("seed", query.Seed, 0, int.MaxValue);
        yield return Range("classes", query.Classes, 2, TheoremOneQuery.MostClasses);
        if (query is { Points: > 0 and <= TheoremOneQuery.MostPoints, Dims: > 0 and <= TheoremOneQuery.MostDims }
            && query.Points * query.Dims > TheoremOneQuery.MostCoordinates)
        {
            yield return new(
                "dims", $"points × dims must be at most {TheoremOneQuery.MostCoordinates:N0}; got {query.Points * query.Dims:N0}.");
        }
    }

    private static IEnumerable<FieldProblem?> Problems(LossConvexityQuery query) =>
    [
        Range("layers", query.Layers, 1, Loss.MostLayers), Range("width", query.Width, 1, Loss.MostWidth),
        Range("inputs", query.Inputs, 1, Loss.MostInputs), Range("seed", query.Seed, 0, int.MaxValue),
    ];

    private static FieldProblem? Range(string path, int value, int least, int most)
        => value >= least && value <= most ? null : new(path, $"{path} must be from {least} to {most}; got {value}.");

    private static void Refuse(IEnumerable<FieldProblem?> problems)
    {
        if (problems.OfType<FieldProblem>().ToList() is { Count: > 0 } found) throw new InvalidInputException(found);
    }
}
