namespace ConvexWeb.Server.Leasing;

/// <summary>A work item and the attempt at it that this worker owns.</summary>
/// <param name="Database">Whose item 1, 2, 3, … it is.</param>
/// <param name="RunId">The run that is trained, or that the item is about.</param>
public sealed record Assignment(Guid Database, long ItemId, WorkKind Kind, long RunId, int Attempt)
{
    /// <summary>For logs and for Hangfire's dashboard.</summary>
    public string Name => Kind switch
    {
        WorkKind.Run => $"run {RunId}, attempt {Attempt}",
        WorkKind.Certificate => $"certificate of run {RunId}, attempt {Attempt}",
        _ => throw new InvalidOperationException($"There is no kind {Kind}."),
    };
}
