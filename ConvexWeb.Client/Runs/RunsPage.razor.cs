using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Logging;
using Radzen;

namespace ConvexWeb.Client.Runs;

/// <summary>The runs table. What it shows is in the address: <c>q</c>, <c>state</c>, <c>study</c>.</summary>
public sealed partial class RunsPage(IRuns runs, NavigationManager navigation, DialogService dialogs, NotificationService notes, TimeProvider time, ILogger<RunsPage> logger)
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

    private IEnumerable<RunRow> Cancellable => (rows ?? []).Where(r => selected.Contains(r.Id) && r.State.Goes() && !r.CancelRequested);

    private RunQuery Query => new() { State = Filter, Search = string.IsNullOrWhiteSpace(Search) ? null : Search.Trim(), StudyId = Study };

    protected override Task OnParametersSetAsync()
    {
        var asked = $"{Search}|{Filter}|{Study}";
        if (!RendererInfo.IsInteractive || asked == shown) return Task.CompletedTask;
        shown = asked;
        return LoadAsync();
    }

    private async Task LoadAsync(int atLeast = 50)
    {
        error = await Edge.TryAsync(logger, async () =>
        {
            var page = await runs.ListAsync(Query with { Limit = Math.Min(200, atLeast) });
            (rows, next, total) = ([.. page.Items], page.Next, page.Total);
        });
    }

    private async Task MoreAsync()
    {
        busy = true;
        error = await Edge.TryAsync(logger, async () =>
        {
            var page = await runs.ListAsync(Query with { After = next });
            rows!.AddRange(page.Items);
            (next, total) = (page.Next, page.Total);
        });
        busy = false;
    }

    // Rows that are shown are read again; a run that is not shown may be a new one, or one that now fits the state, so the page is.
    private async Task RefreshAsync(IReadOnlyList<long> changed)
    {
        if (rows is null) return;
        if (changed.Count == 0 || Filter is not null || (next is null || Unfiltered) && changed.Any(id => id > rows.Select(r => r.Id).DefaultIfEmpty().Max()))
        {
            await LoadAsync(Math.Max(50, rows.Count));
            return;
        }
        var known = changed.Intersect(rows.Select(r => r.Id)).ToList();
        if (known.Count == 0) return;
        error = await Edge.TryAsync(logger, async () =>
        {
            var fresh = (await runs.ListAsync(new RunQuery { Ids = known, Limit = known.Count })).Items.ToDictionary(r => r.Id);
            for (var i = 0; i < rows.Count; i++)
            {
                if (fresh.TryGetValue(rows[i].Id, out var row)) rows[i] = row;
            }
        });
    }

    private async Task SearchAsync(ChangeEventArgs change)
    {
        typing?.Cancel();
        typing?.Dispose();
        var pause = (typing = new CancellationTokenSource()).Token;
        Search = change.Value as string;
        await Task.Delay(TypingPause, time, pause).ContinueWith(_ => { }, TaskScheduler.Default);
        if (!pause.IsCancellationRequested) navigation.NavigateTo(Address(), replace: true);
    }

    private async Task CancelAsync()
    {
        var victims = Cancellable.ToList();
        var question = victims.Count == 1 ? $"Cancel {victims[0].Name} (seed {victims[0].Seed})?" : $"Cancel {victims.Count} runs?";
        var sure = await dialogs.Confirm($"{question} Points and checkpoints are kept.", "Cancel runs", new ConfirmOptions { OkButtonText = "Cancel runs", CancelButtonText = "Keep them" });
        if (sure != true) return;
        busy = true;
        error = await Edge.TryAsync(logger, async () =>
        {
            foreach (var run in victims)
            {
                var result = await runs.CancelAsync(run.Id);
                if (!result.Done) notes.Notify(NotificationSeverity.Warning, run.Name, result.Message ?? "It could not be cancelled.");
            }
        });
        busy = false;
        selected.Clear();
        await RefreshAsync([.. victims.Select(v => v.Id)]);
    }

    private string Address(string? state = null, long? study = null) => navigation.GetUriWithQueryParameters(navigation.BaseUri, new Dictionary<string, object?>
    {
        ["q"] = string.IsNullOrWhiteSpace(Search) ? null : Search,
        ["state"] = (state ?? Filter?.ToString()) is { Length: > 0 } s ? s : null,
        ["study"] = (study ?? Study) is > 0 and var id ? id : null,
    });

    public void Dispose() => typing?.Dispose();
}
