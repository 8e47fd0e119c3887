using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Logging;
using Radzen;

namespace ConvexWeb.Client.Runs;

/// <summary>The runs table. What it shows is in the address: <c>q</c>, <c>state</c>, <c>study</c>.</summary>
public sealed partial class RunsPage(
    IRuns runs, IRunFeed feed, NavigationManager navigation, DialogService dialogs, NotificationService notes, TimeProvider time,
    ILogger<RunsPage> logger)
    : ComponentBase, IDisposable
{
    private const int PageSize = 50;
    private static readonly TimeSpan TypingPause = TimeSpan.FromMilliseconds(250);

    /// <summary>Between two counts of a total that changes.</summary>
    private static readonly TimeSpan CountPause = TimeSpan.FromSeconds(10);

    private readonly HashSet<long> selected = [];

    // Rows that were reported while something was being read, which may be older than they are.
    private readonly Dictionary<long, RunRow> meanwhile = [];
    private ShownRuns? shown;
    private string? error;
    private bool isStale;
    private bool busy;
    private string? filter;
    private int asked;
    private int answered;
    private int reading;
    private long? counted;
    private ITimer? count;
    private IDisposable? watch;
    private CancellationTokenSource? typing;

    [SupplyParameterFromQuery(Name = "q")] public string? Search { get; set; }
    [SupplyParameterFromQuery(Name = "state")] public string? State { get; set; }
    [SupplyParameterFromQuery(Name = "study")] public long? Study { get; set; }

    private RunState? Filter => Enum.TryParse<RunState>(State, ignoreCase: true, out var state) && Enum.IsDefined(state) ? state : null;

    private IReadOnlyList<RunRow> Rows => shown?.Rows ?? [];

    private bool Unfiltered => Filter is null && string.IsNullOrEmpty(Search) && Study is null;

    /// <summary>Nothing has ever been run here.</summary>
    private bool Virgin => Unfiltered && shown?.Total == 0;

    /// <summary>Only what the server has put there itself: the visitor is new here.</summary>
    private bool OnlyDemo => Unfiltered && Rows.Count > 0 && Rows.All(r => r.CreatedBy == "demo");

    private IEnumerable<RunRow> Cancellable => Rows.Where(
        r => selected.Contains(r.Id) && (r.State.Goes() || r.State == RunState.Paused) && !r.CancelRequested);

    private RunQuery Query => new() { State = Filter, Search = string.IsNullOrWhiteSpace(Search) ? null : Search.Trim(), StudyId = Study };

    protected override Task OnParametersSetAsync()
    {
        var wanted = $"{Search}|{Filter}|{Study}";
        if (!RendererInfo.IsInteractive || wanted == filter) return Task.CompletedTask;
        filter = wanted;
        return LoadAsync();
    }

    // Answers may overtake one another: one to an older question, or to a filter that is no longer wanted, changes nothing.
    private async Task LoadAsync(int size = PageSize)
    {
        var (found, wanted, question) = (new ShownRuns(Query, size), filter, ++asked);
        await ReadAsync(
            async () =>
            {
                watch ??= feed.Subscribe(null, news => InvokeAsync(() => TakeAsync(news)));
                do
                {
                    var after = found.Next;
                    found.Append(
                        await runs.ListAsync(found.Query with { After = after, Limit = Math.Min(200, size - found.Rows.Count) }), after);
                }
                while (found.Next is not null && found.Rows.Count < size);
            },
            failure =>
            {
                if (wanted != filter || question < answered) return;
                (answered, error, isStale) = (question, failure, failure is not null);
                if (failure is null) shown = found;
            });
    }

    private async Task MoreAsync()
    {
        busy = true;
        shown!.Grow(PageSize);
        await ReadOnAsync(shown, PageSize);
        busy = false;
    }

    // Only what follows the rows that are shown, with a new total.
    private Task ReadOnAsync(ShownRuns list, int atMost)
    {
        Page<RunRow>? page = null;
        var after = list.Next;
        list.BeginCount();
        return ReadAsync(
            async () => page = await runs.ListAsync(list.Query with { After = after, Limit = atMost }),
            failure =>
            {
                if (list != shown) return;
                error = failure;
                if (page is null) return;
                if (after is null) list.Count(page);
                else list.Append(page, after);
            });
    }

    private async Task ReadAsync(Func<Task> read, Action<string?> take)
    {
        reading++;
        take(await Edge.TryAsync(logger, read));
        shown?.Take(meanwhile.Values);
        if (--reading == 0) meanwhile.Clear();
    }

    private async Task TakeAsync(RunNews news)
    {
        if (reading > 0)
        {
            foreach (var row in news.Rows) meanwhile[row.Id] = row;
        }
        shown?.Take(news.Rows);
        if (news.Missed || isStale) await LoadAsync(shown?.Size ?? PageSize);
        else if (shown is { IsTotalDoubtful: true }) CountLater();
        StateHasChanged();
    }

    private void CountLater()
    {
        if (count is not null) return;
        var wait = counted is { } last ? CountPause - time.GetElapsedTime(last) : TimeSpan.Zero;
        count = time.CreateTimer(
            _ => InvokeAsync(CountAsync), null, wait > TimeSpan.Zero ? wait : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    // Rows that have left make room for what follows.
    private async Task CountAsync()
    {
        count?.Dispose();
        count = null;
        if (shown is not { IsTotalDoubtful: true } list) return;
        counted = time.GetTimestamp();
        await ReadOnAsync(list, Math.Max(1, list.Size - list.Rows.Count));
        if (list.IsTotalDoubtful) CountLater();
        StateHasChanged();
    }

    private async Task SearchAsync(string? text)
    {
        typing?.Cancel();
        typing?.Dispose();
        var pause = (typing = new CancellationTokenSource()).Token;
        Search = text;
        await Task.Delay(TypingPause, time, pause).ContinueWith(_ => { }, TaskScheduler.Default);
        if (!pause.IsCancellationRequested) navigation.NavigateTo(Address(), replace: true);
    }

    private async Task CancelAsync()
    {
        var victims = Cancellable.ToList();
        var question = victims.Count == 1 ? $"Cancel {victims[0].Name} (seed {victims[0].Seed})?" : $"Cancel {victims.Count} runs?";
        var sure = await dialogs.Confirm(
            $"{question} Points and checkpoints are kept.", "Cancel runs",
            new ConfirmOptions { OkButtonText = "Cancel runs", CancelButtonText = "Keep them" });
        if (sure != true) return;
        busy = true;
        error = await Edge.TryAsync(logger, async () =>
        {
            var result = await runs.ActOnAllAsync(new(ItemAction.Cancel, [.. victims.Select(run => run.Id)]));
            foreach (var refused in result.Refused.Take(5))
                notes.Notify(NotificationSeverity.Warning, $"Run {refused.RunId}", refused.Message);
        });
        busy = false;
        selected.Clear();
    }

    private string Address(string? state = null, long? study = null)
        => navigation.GetUriWithQueryParameters(navigation.BaseUri, new Dictionary<string, object?>
        {
            ["q"] = string.IsNullOrWhiteSpace(Search) ? null : Search,
            ["state"] = (state ?? Filter?.ToString()) is { Length: > 0 } s ? s : null,
            ["study"] = (study ?? Study) is > 0 and var id ? id : null,
        });

    public void Dispose()
    {
        watch?.Dispose();
        count?.Dispose();
        typing?.Dispose();
    }
}
