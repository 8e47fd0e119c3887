namespace ConvexWeb.Client.Contracts;

/// <summary>
/// What a subscriber is sent: rows as they are now, each run once. <paramref name="Missed"/>: changes may have been missed, as in an
/// outage of the database; whatever is shown is to be loaded again.
/// </summary>
public sealed record RunNews(IReadOnlyList<RunRow> Rows, bool Missed = false);

/// <summary>Rows of runs that change. They are read once for all pages of a node.</summary>
public interface IRunFeed
{
    /// <summary>
    /// Calls <paramref name="take"/>, some times a second at most and never before its last call has ended, until the subscription is
    /// disposed or the caller's session ends. Of a run that changes meanwhile only the newest row is kept.
    /// </summary>
    /// <param name="ids">The runs of interest; null takes all.</param>
    IDisposable Subscribe(IReadOnlyCollection<long>? ids, Func<RunNews, Task> take);
}
