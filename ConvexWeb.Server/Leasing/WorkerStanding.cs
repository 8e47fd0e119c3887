namespace ConvexWeb.Server.Leasing;

/// <summary>
/// Whether this worker may take work. It is refused when the server was upgraded while it runs, by its version, and when another process
/// has its name.
/// </summary>
public sealed class WorkerStanding(ILogger<WorkerStanding> log)
{
    private volatile string? refused;
    private volatile bool draining;

    /// <summary>To be asked before a ticket is fetched. What is at work already goes on to its end.</summary>
    public bool TakesWork => refused is null && !draining;

    /// <summary>Why it takes nothing, for people; null when it does.</summary>
    public string? Refused => refused;

    /// <param name="refusal">Why it may take nothing; null when it may.</param>
    /// <param name="isDraining">Whether an administrator drains it.</param>
    /// <returns>Whether it is refused, or not any more, unlike before.</returns>
    public bool Judge(string? refusal, bool isDraining)
    {
        draining = isDraining;
        if (refusal == refused) return false;
        refused = refusal;
        if (refusal is not null) log.LogError("This worker takes nothing more: {Why}", refusal);
        else log.LogInformation("This worker is not refused any more: it takes work");
        return true;
    }
}
