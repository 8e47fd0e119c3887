namespace ConvexWeb.Server.Leasing;

/// <summary>The queue as whoever adds to it sees it: what waits is in the rows, and needs no more than to be noticed.</summary>
public interface IWorkQueue
{
    /// <summary>
    /// Rows that wait were committed. Never fails: a free slot that does not hear of it finds them a moment later by itself.
    /// </summary>
    Task AnnounceAsync(CancellationToken cancel = default);
}
