using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Leasing;

/// <summary>Whether this worker may take work. A server that was upgraded while it runs refuses it, by its version.</summary>
public sealed class WorkerStanding(ILogger<WorkerStanding> log)
{
    private volatile string? refused;
    private volatile bool draining;

    /// <summary>To be asked before a ticket is fetched. What is at work already goes on to its end.</summary>
    public bool TakesWork => refused is null && !draining;

    /// <summary>Why it takes nothing, for people; null when it does.</summary>
    public string? Refused => refused;

    /// <param name="server">The version that serves the database; null when none was written.</param>
    /// <param name="isDraining">Whether an administrator drains it.</param>
    /// <returns>Whether it is refused, or not any more, unlike before.</returns>
    public bool Judge(string? server, bool isDraining)
    {
        draining = isDraining;
        var now = DatabaseVersion.Refusal(server);
        if (now == refused) return false;
        refused = now;
        if (now is not null) log.LogError("This worker takes nothing more: {Why}", now);
        else log.LogInformation("This worker and the server are of one version again: it takes work");
        return true;
    }
}
