namespace ConvexWeb.Server.Leasing;

/// <summary>
/// What a worker can do with a work item. A kind is a row of its own and an <c>IWorkExecution</c>; the rest is the same for all.
/// </summary>
public enum WorkKind
{
    /// <summary>Trains a run.</summary>
    Run,

    /// <summary>Makes a certificate of a run's checkpoint.</summary>
    Certificate,
}

public static class WorkKinds
{
    /// <summary>As the database has it.</summary>
    public static string Word(this WorkKind kind) => kind.ToString().ToLowerInvariant();
}
