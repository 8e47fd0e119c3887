using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Logging;
using Radzen;

namespace ConvexWeb.Client.Runs;

/// <summary>The runs table. What it shows is in the address: <c>q</c>, <c>state</c>, <c>study</c>.</summary>
public sealed partial class RunsPage(
    IRuns runs, NavigationManager navigation, DialogService dialogs, NotificationService notes, TimeProvider time, ILogger<RunsPage> logger)
    : ComponentBase, IDisposable
{
    private static readonly TimeSpan TypingPause = TimeSpan.FromMilliseconds(250);

    private readonly HashSet<long> selected = [];
    private List<RunRow>? rows;
    private string? next;
    private long? total;
    private string? error;
    private bool busy;
    private string? shown;
    private int asked;
    private int answered;
    private int loading;
    private CancellationTokenSource? typing;

    [SupplyParameterFromQuery(Name = "q")] public string? Search { get; set; }
    [SupplyParameterFromQuery(Name = "state")] public string? State { get; set; }
    [SupplyParameterFromQuery(Name = "study")] public long? Study { get; set; }

    private RunState? Filter => Enum.TryParse<RunState>(State, ignoreCase: true, out var state) && Enum.IsDefined(state) ? state : null;

    private bool Unfiltered => Filter is null && string.IsNullOrEmpty(Search) && Study is null;

    /// <summary>Nothing has ever been run here.</summary>
    private bool Virgin => Unfiltered && total == 0;

    /// <summary>Only what the server has put there itself: the visitor is new here.</summary>
    private bool OnlyDemo => Unfiltered && rows!.TrueForAll(r => r.CreatedBy == "demo");

    private IEnumerable<RunRow> Cancellable => (rows ?? []).Where(r => selected.Contains(r.Id) && (r.State.Goes() || r.State == RunState.Paused) && !r.CancelRequested);

    private RunQuery Query => new() { State = Filter, Search = string.IsNullOrWhiteSpace(Search) ? null : Search.Trim(), StudyId = Study };

    protected override Task OnParametersSetAsync()
    {
        var wanted = $"{Search}|{Filter}|{Study}";
        if (!RendererInfo.IsInteractive || wanted == shown) return Task.CompletedTask;
        shown = wanted;
        return LoadAsync();
    }

    // Answers may overtake one another: one to an older question, or to a filter that is no longer wanted, changes nothing.
    private async Task LoadAsync(int atLeast = 50)
    {
        var (query, filter, question) = (Query, shown, ++asked);
        var found = new List<RunRow>();
        string? rest = null;
        long all = 0;
        loading++;
        var failure = await Edge.TryAsync(logger, async () =>
        {
            do
            {
                var page = await runs.ListAsync(query with { After = rest, Limit = Math.Min(200, atLeast - found.Count) });
                found.AddRange(page.Items);
                (rest, all) = (page.Next, page.Total);
            }
            while (rest is not null && found.Count < atLeast);
        });
        loading--;
        if (filter != shown || question < answered) return;
        (answered, error) = (question, failure);
        if (failure is null) (rows, next, total) = (found, rest, all);
    }

    private async Task MoreAsync()
    {
        busy = true;
        await LoadAsync(rows!.Count + 50);
        busy = false;
    }

    // Rows that are shown are read again; a run that is not shown may be a new one, or one that now fits the state, so the page is.
    private async Task RefreshAsync(IReadOnlyList<long> changed)
    {
        if (rows is null) return;
        if (loading > 0 || changed.Count is 0 or > 200 || Filter is not null
            || (next is null || Unfiltered) && changed.Any(id => id > rows.Select(r => r.Id).DefaultIfEmpty().Max()))
        {
            await LoadAsync(Math.Max(50, rows.Count));
            return;
        }
        var known = changed.Intersect(rows.Select(r => r.Id)).ToList();
        if (known.Count == 0) return;
        var question = ++asked;
        error = await Edge.TryAsync(logger, async () =>
        {
            var fresh = (await runs.ListAsync(new RunQuery { Ids = known, Limit = known.Count })).Items.ToDictionary(r => r.Id);
            if (question < answered) return;
            for (var i = 0; i < rows.Count; i++)
            {
                if (fresh.TryGetValue(rows[i].Id, out var row)) rows[i] = row;
            }
        });
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
        await RefreshAsync([.. victims.Select(v => v.Id)]);
    }

    private string Address(string? state = null, long? study = null)
        => navigation.GetUriWithQueryParameters(navigation.BaseUri, new Dictionary<string, object?>
        {
            ["q"] = string.IsNullOrWhiteSpace(Search) ? null : Search,
            ["state"] = (state ?? Filter?.ToString()) is { Length: > 0 } s ? s : null,
            ["study"] = (study ?? Study) is > 0 and var id ? id : null,
        });

    public void Dispose() => typing?.Dispose();
}
