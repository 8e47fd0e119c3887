using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Logging;
using Radzen;

namespace ConvexWeb.Client.Runs;

/// <summary>One run: head, live charts, what was measured at its end, and below them configuration, layers, log, attempts.</summary>
public sealed partial class RunPage(
    IRuns runs, IRunFeed feed, NavigationManager navigation, DialogService dialogs, NotificationService notes, TimeProvider time,
    ILogger<RunPage> logger)
    : ComponentBase, IDisposable
{
    // What a queued run waits for changes with other runs and with workers, of which the feed of this run says nothing.
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(10);

    private static readonly (string Key, string Title)[] Tabs =
        [("config", "Configuration"), ("layers", "Layers"), ("log", "Log"), ("attempts", "Attempts and checkpoints")];

    private RunDetail? detail;
    private bool missing;
    private string? error;
    private bool busy;
    private int refreshed;
    private long loaded;
    private int asked;
    private int answered;
    private ITimer? glances;
    private IDisposable? watch;

    [Parameter] public long Id { get; set; }
    [SupplyParameterFromQuery(Name = "tab")] public string? AskedTab { get; set; }

    private string Tab => Tabs.Any(t => t.Key == AskedTab) ? AskedTab! : "config";

    protected override async Task OnParametersSetAsync()
    {
        if (!RendererInfo.IsInteractive || loaded == Id) return;
        (loaded, detail, missing, busy) = (Id, null, false, false);
        watch?.Dispose();
        watch = null;
        await LoadAsync();
        glances ??= time.CreateTimer(_ => InvokeAsync(GlanceAsync), null, Glance, Glance);
    }

    private async Task LoadAsync()
    {
        // Answers may overtake one another, and this page may have gone on to another run meanwhile: an older answer changes nothing.
        var (id, question) = (Id, ++asked);
        RunDetail? found = null;
        var failure = await Edge.TryAsync(logger, async () =>
        {
            watch ??= feed.Subscribe([id], _ => InvokeAsync(RefreshAsync));
            found = await runs.FindAsync(id);
        });
        if (id != Id || question < answered) return;
        (answered, error) = (question, failure);
        refreshed++;
        if (failure is null) (detail, missing) = (found, found is null);
    }

    // Attempts, checkpoints, log and certificate change with the row.
    private async Task RefreshAsync()
    {
        await LoadAsync();
        StateHasChanged();
    }

    private Task GlanceAsync() => detail?.Row.State == RunState.Queued ? RefreshAsync() : Task.CompletedTask;

    private async Task CancelAsync()
    {
        var sure = await dialogs.Confirm(
            "The training stops after writing a checkpoint. Its points, log and checkpoints are kept.", "Cancel this run?",
            new ConfirmOptions { OkButtonText = "Cancel the run", CancelButtonText = "Keep it running" });
        if (sure == true) await AskAsync(ItemAction.Cancel);
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
        if (await ActAsync(runs.RerunAsync, "It could not be queued again.") is { NewRunId: { } id }) navigation.NavigateTo($"runs/{id}");
    }

    private async Task<ActionResult?> ActAsync(Func<long, CancellationToken, Task<ActionResult>> action, string failed)
    {
        // A second click may be under way while the buttons are still being disabled.
        if (busy) return null;
        busy = true;
        ActionResult? result = null;
        var problem = await Edge.TryAsync(logger, async () => result = await action(Id, default));
        if (problem is not null || result is { Done: false })
            notes.Notify(NotificationSeverity.Error, failed, problem ?? result?.Message ?? "");
        await LoadAsync();
        // On the way to the new run this one's buttons stay as they are.
        busy = result is { NewRunId: not null };
        return result;
    }

    public void Dispose()
    {
        watch?.Dispose();
        glances?.Dispose();
    }
}
