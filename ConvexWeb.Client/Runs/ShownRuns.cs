using System.Globalization;
using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Client.Runs;

/// <summary>
/// The newest runs of a query, down to the last that was read, kept as they are in memory: rows that change come, stay or leave as the
/// query has it, and no query is repeated for them.
/// </summary>
/// <param name="size">How many are shown at most; older ones make room for new ones.</param>
public sealed class ShownRuns(RunQuery query, int size)
{
    private readonly List<RunRow> rows = [];

    public RunQuery Query => query;

    /// <summary>Newest first.</summary>
    public IReadOnlyList<RunRow> Rows => rows;

    /// <summary>The cursor of the page that follows; null when there is none.</summary>
    public string? Next { get; private set; }

    /// <summary>How many runs match: as last counted, and corrected by what was seen to come and leave since.</summary>
    public long Total { get; private set; }

    /// <summary>Whether a count may find another total.</summary>
    public bool IsTotalDoubtful { get; private set; }

    public int Size { get; private set; } = size;

    /// <summary>No run matches.</summary>
    public bool IsEmpty => rows.Count == 0 && Next is null;

    // Runs from here on are shown; older ones come with the pages that follow.
    private long Floor => Next is null ? 0 : long.Parse(Next, CultureInfo.InvariantCulture);

    public void Grow(int by) => Size += by;

    /// <summary>A count begins: what changes from now on, it may have missed.</summary>
    public void BeginCount() => IsTotalDoubtful = false;

    /// <summary>Adds a page behind what is shown, if it is still what follows, and takes its total.</summary>
    /// <param name="after">The cursor that it was read with.</param>
    public void Append(Page<RunRow> page, string? after)
    {
        Total = page.Total;
        if (after != Next) return;
        rows.AddRange(page.Items);
        Next = page.Next;
        MakeRoom();
    }

    /// <summary>Takes the total of a page, and nothing else.</summary>
    public void Count(Page<RunRow> page) => Total = page.Total;

    public void Take(IEnumerable<RunRow> changed)
    {
        foreach (var row in changed) Take(row);
    }

    private void Take(RunRow row)
    {
        if (row.Id < Floor)
        {
            // It may have come to match or ceased to, by its state, which alone of what is asked for ever changes.
            IsTotalDoubtful |= query.State is not null;
            return;
        }
        var matches = query.Matches(row);
        var place = rows.FindIndex(shown => shown.Id <= row.Id);
        if (place >= 0 && rows[place].Id == row.Id) Change(place, row, matches);
        else if (matches) Insert(place < 0 ? rows.Count : place, row);
    }

    private void Change(int place, RunRow row, bool matches)
    {
        if (row.IsOlderThan(rows[place])) return;
        if (matches)
        {
            rows[place] = row;
            return;
        }
        rows.RemoveAt(place);
        Total--;
        IsTotalDoubtful = true;
    }

    private void Insert(int place, RunRow row)
    {
        rows.Insert(place, row);
        Total++;
        IsTotalDoubtful = true;
        MakeRoom();
    }

    private void MakeRoom()
    {
        if (rows.Count <= Size) return;
        rows.RemoveRange(Size, rows.Count - Size);
        Next = rows[^1].Id.ToString(CultureInfo.InvariantCulture);
    }
}
