using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared.Feedback;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ConvexWeb.Client.Runs;

/// <summary>One run: head, live charts, what was measured at its end, and below them configuration, layers, log, attempts.</summary>
public sealed partial class RunPage(
    IRuns runs, IRunFeed feed, NavigationManager navigation, IDialogService dialogs, ISnackbar notes, Backend backend, TimeProvider time)
    : ComponentBase, IDisposable
{
    // What a queued run waits for changes with other runs and with workers, of which the feed of this run says nothing.
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private static readonly string[] Tabs = ["config", "layers", "log", "attempts"];

    private readonly Latest<RunDetail?> run = backend.Latest<RunDetail?>();
    private bool busy;
    private bool left;
    private int refreshed;
    private long loaded;
    private ITimer? glances;
    private IDisposable? watch;

    [Parameter] public long Id { get; set; }
    [SupplyParameterFromQuery(Name = "tab")] public string? AskedTab { get; set; }

    private RunDetail? Detail => run.Value;

    private bool Ended => Detail?.Row.State.Ended() == true;

    private int Tab => Math.Max(0, Array.IndexOf(Tabs, AskedTab));

    protected override async Task OnParametersSetAsync()
    {
        if (!RendererInfo.IsInteractive || loaded == Id) return;
        (loaded, busy) = (Id, false);
        run.Forget();
        watch?.Dispose();
        watch = null;
        // Before the first answer, after which the page may have been left.
        glances ??= time.CreateTimer(_ => InvokeAsync(GlanceAsync), null, Glance, Glance);
        await LoadAsync();
    }

    private async Task LoadAsync()
    {
        var id = Id;
        var taken = await run.AskAsync(() =>
        {
            watch ??= feed.Subscribe([id], news => InvokeAsync(() => TakeAsync(news)));
            return runs.FindAsync(id);
        });
        if (taken) refreshed++;
    }

    // The row is shown at once; attempts, checkpoints, log and certificate may have changed with it, and are read again, not more often
    // than once a second.
    private async Task TakeAsync(RunNews news)
    {
        if (Detail is { } shown && news.Rows.LastOrDefault(row => row.Id == shown.Row.Id) is { } row && !row.IsOlderThan(shown.Row))
        {
            run.Take(shown with { Row = row });
            StateHasChanged();
        }
        await RefreshAsync();
        await Task.Delay(Pause, time);
    }

    private async Task RefreshAsync()
    {
        await LoadAsync();
        StateHasChanged();
    }

    private Task GlanceAsync() => Detail?.Row.State == RunState.Queued ? RefreshAsync() : Task.CompletedTask;

    private void GoTo(int tab)
    {
        if (tab != Tab) navigation.NavigateTo(navigation.GetUriWithQueryParameter("tab", tab == 0 ? null : Tabs[tab]), replace: true);
    }

    private async Task CancelAsync()
    {
        if (await ConfirmDialog.AskAsync(
            dialogs, "Cancel this run?", "The training stops after writing a checkpoint. Its points, log and checkpoints are kept.",
            "Cancel the run", "Keep it running")) await AskAsync(ItemAction.Cancel);
    }

    private async Task AskAsync(ItemAction action) => await ActAsync((id, cancel) => runs.ActAsync(action, id, cancel), action switch
    {
        ItemAction.Cancel => "It could not be cancelled.",
        ItemAction.Pause => "It could not be paused.",
        ItemAction.Resume => "It could not be resumed.",
        _ => "It could not be queued.",
    });

    private async Task RerunAsync()
    {
        var asked = Id;
        if (await ActAsync(runs.RerunAsync, "It could not be queued again.") is not { NewRunId: { } id }) return;
        if (left || Id != asked) notes.Add($"Run {id} is queued.", Severity.Info); // the user has gone to another page
        else navigation.NavigateTo($"runs/{id}");
    }

    private async Task<ActionResult?> ActAsync(Func<long, CancellationToken, Task<ActionResult>> action, string failed)
    {
        // A second click may be under way while the buttons are still being disabled.
        if (busy) return null;
        busy = true;
        var asked = Id;
        ActionResult? result = null;
        var problem = await backend.TryAsync(async () => result = await action(asked, default));
        if (problem is not null || result is { Done: false }) notes.Add($"{failed} {problem ?? result?.Message}", Severity.Error);
        if (Id != asked) return result; // another run is shown, whose buttons are its own
        await LoadAsync();
        // On the way to the new run this one's buttons stay as they are.
        busy = result is { NewRunId: not null };
        return result;
    }

    public void Dispose()
    {
        left = true;
        watch?.Dispose();
        glances?.Dispose();
    }
}
