using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Live;

/// <summary>
/// One subscriber: what it has not taken yet waits here, of each run the newest row. It is called from a task of its own, so that nobody
/// waits for it.
/// </summary>
internal sealed class RowSubscription(
    IReadOnlyCollection<long>? ids, Func<bool> isAllowed, Func<RunNews, Task> take, Action<RowSubscription> ended, ILogger log)
    : IDisposable
{
    private readonly Lock gate = new();
    private readonly HashSet<long>? wanted = ids is null ? null : [.. ids];
    private readonly Dictionary<long, RunRow> waiting = [];
    private bool missed;
    private bool busy;
    private bool over;

    public bool Wants(long id) => wanted is null || wanted.Contains(id);

    public void Send(IEnumerable<RunRow> rows) => Keep(() =>
    {
        foreach (var row in rows.Where(row => Wants(row.Id))) waiting[row.Id] = row;
    });

    public void Miss() => Keep(() => missed = true);

    public void Dispose()
    {
        lock (gate) over = true;
        ended(this);
    }

    private void Keep(Action keep)
    {
        lock (gate)
        {
            keep();
            if (busy || over || !HasNews) return;
            busy = true;
        }
        _ = Task.Run(CallAsync);
    }

    private bool HasNews => missed || waiting.Count > 0;

    private async Task CallAsync()
    {
        while (Next() is { } news)
        {
            if (!isAllowed())
            {
                Dispose();
                return;
            }
            try
            {
                await take(news);
            }
            catch (ObjectDisposedException)
            {
                Dispose(); // the page has gone, and its circuit with it
            }
            catch (Exception problem)
            {
                log.LogError(problem, "A page could not take changed rows");
            }
        }
    }

    private RunNews? Next()
    {
        lock (gate)
        {
            if (over || !HasNews)
            {
                busy = false;
                return null;
            }
            var news = new RunNews([.. waiting.Values], missed);
            waiting.Clear();
            missed = false;
            return news;
        }
    }
}
