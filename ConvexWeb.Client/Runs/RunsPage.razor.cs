using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared;
using ConvexWeb.Client.Shared.Feedback;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ConvexWeb.Client.Runs;

/// <summary>The runs table. What it shows is in the address: <c>q</c>, <c>state</c>, <c>study</c>.</summary>
public sealed partial class RunsPage(IRuns runs, IRunFeed feed, IDialogService dialogs, ISnackbar notes, Backend backend, TimeProvider time)
    : ComponentBase, IDisposable
{
    private const int FirstRows = 50;

    /// <summary>Rows that are read before and behind those that come into sight.</summary>
    private const int Margin = 20;

    /// <summary>Between two counts of a total that changes.</summary>
    private static readonly TimeSpan CountPause = TimeSpan.FromSeconds(10);

    private readonly RunSelection selection = new();

    // Runs that are to be selected, which are not all here.
    private readonly Latest<Page<RunRow>> chosen = backend.Latest<Page<RunRow>>();

    // Rows that were reported while something was being read, which may be older than they are.
    private readonly Dictionary<long, RunRow> meanwhile = [];
    private RunWindow? window;
    private string? error;
    private bool isStale;
    private bool busy;
    private string? filter;
    private bool left;
    private int reading;
    private long? lastCount;
    private ITimer? count;
    private IDisposable? watch;
    private IReadOnlyList<RunRow>? kept;

    /// <summary>What a server that lets go of this page keeps of it, until the browser comes back.</summary>
    [PersistentState(RestoreBehavior = RestoreBehavior.SkipInitialValue)]
    public IReadOnlyList<RunRow>? Chosen
    {
        get => selection.Count > 0 ? selection.Rows : null;
        set => kept = value;
    }

    [SupplyParameterFromQuery(Name = "q")] public string? Search { get; set; }
    [SupplyParameterFromQuery(Name = "state")] public string? State { get; set; }
    [SupplyParameterFromQuery(Name = "study")] public string? AskedStudy { get; set; }

    private long? Study => QueryValue.Number(AskedStudy);

    private RunState? Filter => Enum.TryParse<RunState>(State, ignoreCase: true, out var state) && Enum.IsDefined(state) ? state : null;

    private bool Unfiltered => Filter is null && string.IsNullOrEmpty(Search) && Study is null;

    /// <summary>Nothing has ever been run here.</summary>
    private bool IsEmpty => Unfiltered && window is { Total: 0 };

    /// <summary>Only what the server has put there itself: the visitor is new here.</summary>
    private bool OnlyDemo => Unfiltered && window is { Rows.Count: > 0 } && window.Rows.Count == window.Total
        && window.Rows.All(r => r.CreatedBy == "demo");

    private string? StudyName => window is { Rows: [var first, ..] } list && list.Query == Query ? first.Study : null;

    private RunQuery Query => new() { State = Filter, Search = string.IsNullOrWhiteSpace(Search) ? null : Search.Trim(), StudyId = Study };

    protected override void OnInitialized() => selection.Changed += StateHasChanged;

    protected override Task OnParametersSetAsync()
    {
        var wanted = $"{Search}|{Filter}|{Study}";
        if (!RendererInfo.IsInteractive || wanted == filter) return Task.CompletedTask;
        filter = wanted;
        ClearSelection(); // what is chosen must be in sight
        return LoadAsync();
    }

    // A new window: from the top.
    private Task LoadAsync() => ReadAsync(new RunWindow(Query), 0, FirstRows, counted: true, default);

    /// <summary>Brings rows of the table into the window, because they come into sight; how many there are is known.</summary>
    private Task ProvideAsync(int start, int rows, CancellationToken cancel)
    {
        // With some around them, so that the next step of a scroll asks for nothing.
        var from = Math.Max(0, start - Margin);
        return window is { } list && list.Query == Query
            ? ReadAsync(list, from, start - from + rows + Margin, counted: false, cancel)
            : Task.CompletedTask; // another list is on its way
    }

    // Answers may overtake one another: one to an older question about the same list, or about a list that is no longer wanted, changes
    // nothing. A new list is never overtaken by what is asked about the one before it.
    private async Task ReadAsync(RunWindow into, int start, int rows, bool counted, CancellationToken cancel)
    {
        var question = ++into.Asked;
        Page<RunRow>? page = null;
        if (counted) into.BeginCount();
        reading++;
        var failure = await backend.TryAsync(async () =>
        {
            watch ??= feed.Subscribe(null, news => InvokeAsync(() => TakeAsync(news)));
            page = await runs.ListAsync(
                into.Query with { Skip = start, Limit = Math.Clamp(rows, 1, RunsTable.MostSelected), Count = counted }, cancel);
        });
        reading--;
        var wanted = into.Query == Query && !left;
        if (wanted && question == into.Asked && (page is not null || failure is not null))
        {
            (error, isStale) = (failure, failure is not null);
            if (page is not null)
            {
                if (window != into) ClearSelection(); // what is chosen must be in sight
                into.Put(start, page, counted);
                into.Take(meanwhile.Values);
                window = into;
                if (kept is not null) SelectAgain(kept, into);
            }
            StateHasChanged();
        }
        else if (counted && wanted)
        {
            into.DoubtCount();
            CountLater();
        }
        if (reading == 0) meanwhile.Clear();
    }

    private void SelectAgain(IReadOnlyList<RunRow> rows, RunWindow shown)
    {
        kept = null;
        selection.Add(rows.Where(shown.Query.Matches));
        selection.Take(shown.Rows, shown.Query);
    }

    private async Task TakeAsync(RunNews news)
    {
        if (reading > 0)
        {
            foreach (var row in news.Rows) meanwhile[row.Id] = row;
        }
        if (window is { } shown)
        {
            shown.Take(news.Rows);
            selection.Take(news.Rows, shown.Query);
        }
        // A list that has become short is shown whole, so its beginning is wanted too.
        if (news.Missed || isStale || window is { Start: > 0, Total: <= FirstRows }) await ReadAgainAsync();
        else if (window is { IsTotalDoubtful: true }) CountLater();
        StateHasChanged();
    }

    private Task ReadAgainAsync()
        => window is { } list && list.Query == Query
            ? ReadAsync(list, list.Total <= FirstRows ? 0 : list.Start, Math.Max(FirstRows, list.Rows.Count), counted: true, default)
            : LoadAsync();

    private void CountLater()
    {
        if (count is not null || left) return;
        var wait = lastCount is { } last ? CountPause - time.GetElapsedTime(last) : TimeSpan.Zero;
        count = time.CreateTimer(
            _ => InvokeAsync(CountAsync), null, wait > TimeSpan.Zero ? wait : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    // Rows that have left make room for what follows.
    private async Task CountAsync()
    {
        count?.Dispose();
        count = null;
        if (window is not { IsTotalDoubtful: true }) return;
        lastCount = time.GetTimestamp();
        await ReadAgainAsync();
        if (window is { IsTotalDoubtful: true }) CountLater();
        StateHasChanged();
    }

    private Task SelectAllAsync(bool all)
    {
        if (all) return SelectAsync(Query with { Limit = RunsTable.MostSelected, Count = false }, _ => true);
        ClearSelection();
        return Task.CompletedTask;
    }

    // The list is in the order of the ids, and a page of it ends before its cursor; rows between may never have been loaded.
    private Task SelectRangeAsync(RunRow to)
    {
        var (oldest, newest) = (Math.Min(selection.Last!.Value, to.Id), Math.Max(selection.Last!.Value, to.Id));
        return SelectAsync(
            Query with { After = $"{newest + 1}", Limit = RunsTable.MostSelected, Count = false }, row => row.Id >= oldest);
    }

    private async Task SelectAsync(RunQuery asked, Func<RunRow, bool> within)
    {
        if (!await chosen.AskAsync(() => runs.ListAsync(asked))) return;
        if (chosen.Error is { } failure)
        {
            notes.Add(failure, Severity.Error);
            return;
        }
        var page = chosen.Value!;
        selection.Add(page.Items.Where(within));
        if (page.Next is not null && within(page.Items[^1]))
            notes.Add($"The newest {RunsTable.MostSelected} of them are selected; no more can be at once.", Severity.Info);
    }

    // With what is still on its way to be selected.
    private void ClearSelection()
    {
        chosen.Forget();
        selection.Clear();
    }

    private async Task CancelAsync()
    {
        var wanted = selection.Cancellable.ToList();
        var question = wanted.Count == 1 ? $"Cancel {wanted[0].Name} (seed {wanted[0].Seed})?" : $"Cancel {wanted.Count} runs?";
        if (!await ConfirmDialog.AskAsync(
            dialogs, "Cancel runs", $"{question} Points and checkpoints are kept.", "Cancel runs", "Keep them")) return;
        busy = true;
        var failure = await backend.TryAsync(async () =>
        {
            var result = await runs.ActOnAllAsync(new(ItemAction.Cancel, [.. wanted.Select(run => run.Id)]));
            foreach (var refused in result.Refused.Take(5)) notes.Add($"Run {refused.RunId}: {refused.Message}", Severity.Warning);
        });
        busy = false;
        if (failure is null) ClearSelection();
        else notes.Add(failure, Severity.Error); // they stay chosen, to be tried again
    }

    public void Dispose()
    {
        left = true;
        selection.Changed -= StateHasChanged;
        watch?.Dispose();
        count?.Dispose();
    }
}
