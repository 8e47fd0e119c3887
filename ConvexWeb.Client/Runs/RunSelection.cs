using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Client.Runs;

/// <summary>The runs that are chosen for an action, as they were last seen. One that a filter would hide is none of them.</summary>
public sealed class RunSelection
{
    private readonly Dictionary<long, RunRow> rows = [];

    public event Action? Changed;

    public int Count => rows.Count;

    /// <summary>The run that was chosen, or taken out, last: where a range begins.</summary>
    public long? Last { get; private set; }

    public IEnumerable<long> Ids => rows.Keys;

    public IReadOnlyList<RunRow> Rows => [.. rows.Values];

    /// <summary>Those that may still be stopped.</summary>
    public IEnumerable<RunRow> Cancellable => rows.Values.Where(
        row => (row.State.Goes() || row.State == RunState.Paused) && !row.CancelRequested);

    public bool Contains(long id) => rows.ContainsKey(id);

    /// <summary>Chooses a run, or takes it out.</summary>
    public void Toggle(RunRow row)
    {
        if (!rows.Remove(row.Id)) rows[row.Id] = row;
        Last = row.Id;
        Changed?.Invoke();
    }

    public void Add(IEnumerable<RunRow> chosen)
    {
        foreach (var row in chosen) rows[row.Id] = row;
        Changed?.Invoke();
    }

    /// <summary>Takes rows as they are now; one that the query no longer lists is chosen no more.</summary>
    public void Take(IEnumerable<RunRow> changed, RunQuery query)
    {
        foreach (var row in changed.Where(row => rows.ContainsKey(row.Id)))
        {
            if (query.Matches(row)) rows[row.Id] = row;
            else rows.Remove(row.Id);
        }
    }

    public void Clear()
    {
        rows.Clear();
        Last = null;
        Changed?.Invoke();
    }
}
