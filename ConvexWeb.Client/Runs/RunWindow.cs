using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Client.Runs;

/// <summary>
/// The part of a query's runs that is looked at, newest first, kept as it is in memory: rows that change come, stay or leave as the
/// query has it, and no query is repeated for them.
/// </summary>
public sealed class RunWindow(RunQuery query)
{
    private readonly List<RunRow> rows = [];
    private long newest;

    public RunQuery Query => query;

    /// <summary>How many runs stand before the first of <see cref="Rows"/>.</summary>
    public int Start { get; private set; }

    public IReadOnlyList<RunRow> Rows => rows;

    /// <summary>How many runs match: as last counted, and corrected by what was seen to come and leave since.</summary>
    public long Total { get; private set; }

    /// <summary>Whether a count may find another total.</summary>
    public bool IsTotalDoubtful { get; private set; }

    /// <summary>Counts up when rows come or leave, or the total changes.</summary>
    public int Moves { get; private set; }

    public RunRow? Find(long id) => rows.Find(row => row.Id == id);

    /// <summary>Whether all of these places that there are can be shown from memory.</summary>
    public bool Covers(int start, int count) => start >= Start && Math.Min(start + count, Total) <= Start + rows.Count;

    public IEnumerable<RunRow> Slice(int start, int count) => rows.Skip(start - Start).Take(count);

    /// <summary>How many questions were asked about it; only the newest one's answer counts.</summary>
    public int Asked { get; set; }

    /// <summary>A count did not come to its end.</summary>
    public void DoubtCount() => IsTotalDoubtful = true;

    /// <summary>A count begins: what changes from now on, it may have missed.</summary>
    public void BeginCount() => IsTotalDoubtful = false;

    /// <summary>Takes what was read from a place on, and how many match where they were counted.</summary>
    public void Put(int start, Page<RunRow> page, bool counted)
    {
        rows.Clear();
        rows.AddRange(page.Items);
        Start = start;
        if (counted) Total = page.Total;
        else if (start + rows.Count > Total || (page.Next is null && start + rows.Count != Total)) IsTotalDoubtful = true;
        if (rows.Count > 0) newest = Math.Max(newest, rows[0].Id);
        Moves++;
    }

    public void Take(IEnumerable<RunRow> changed)
    {
        foreach (var row in changed) Take(row);
    }

    private void Take(RunRow row)
    {
        var matches = query.Matches(row);
        var isNew = row.Id > newest;
        newest = Math.Max(newest, row.Id);
        var place = rows.FindIndex(shown => shown.Id <= row.Id);
        if (place >= 0 && rows[place].Id == row.Id) Change(place, row, matches);
        else if (IsWithin(place)) Insert(place < 0 ? rows.Count : place, row, matches);
        else if (isNew && matches) Shift();
        // It may have come to match or ceased to, by its state, which alone of what is asked for ever changes.
        else IsTotalDoubtful |= query.State is not null;
    }

    // Between two rows that are shown, or where the list begins or ends.
    private bool IsWithin(int place) => place > 0 || (place == 0 && Start == 0) || (place < 0 && Start + rows.Count >= Total);

    private void Change(int place, RunRow row, bool matches)
    {
        if (row.IsOlderThan(rows[place])) return;
        if (matches)
        {
            rows[place] = row;
            return;
        }
        rows.RemoveAt(place);
        Move(-1);
    }

    private void Insert(int place, RunRow row, bool matches)
    {
        if (!matches) return;
        rows.Insert(place, row);
        Move(1);
    }

    private void Shift()
    {
        Start++;
        Move(1);
    }

    private void Move(int by)
    {
        Total += by;
        IsTotalDoubtful = true;
        Moves++;
    }
}
