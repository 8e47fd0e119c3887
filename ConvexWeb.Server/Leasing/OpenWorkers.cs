namespace ConvexWeb.Server.Leasing;

/// <summary>Workers that are alive and take new items, as SQL.</summary>
internal static class OpenWorkers
{
    /// <summary>Of workers <c>w</c>: neither silent nor drained nor refused.</summary>
    public static readonly string IsOpen = $"{IsAlive} and not w.draining and w.refused is null";

    /// <summary>Of workers <c>w</c>: heard of lately.</summary>
    public static string IsAlive => $"w.last_seen > now() - interval '{WorkerHeartbeat.Silence.TotalSeconds} seconds'";
}
