using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared.Feedback;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ConvexWeb.Client.Certificates;

/// <summary>Whether a run's network is convex in its input: the verdict, the inequalities, the curves and the proof.</summary>
public sealed partial class CertificatePage(
    IRuns runs, ICertificates certificates, IRunFeed feed, ISnackbar notes, Backend backend, TimeProvider time)
    : ComponentBase, IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    private readonly Latest<Shown?> latest = backend.Latest<Shown?>();
    private long loaded;
    private bool busy;
    private ITimer? clock;
    private IDisposable? watch;

    [Parameter] public long Id { get; set; }

    private TimeProvider Time => time;

    private RunDetail? Detail => latest.Value?.Run;

    private CertificateView? Certificate => latest.Value?.Certificate;

    private bool Constrained => Detail!.Row.Convexity != "none";

    // The run's checkpoint of the same kind, when it is not the one that the certificate is of.
    private CheckpointView? Newer
    {
        get
        {
            var newest = Detail!.Checkpoints.Where(c => c.Kind == Certificate!.Checkpoint).MaxBy(c => c.CreatedAt);
            return newest is not null && newest.Sha256 != Certificate!.Sha256 ? newest : null;
        }
    }

    protected override async Task OnParametersSetAsync()
    {
        if (!RendererInfo.IsInteractive || loaded == Id) return;
        loaded = Id;
        latest.Forget();
        watch?.Dispose();
        watch = null;
        // Before the first answer, after which the page may have been left.
        clock ??= time.CreateTimer(_ => InvokeAsync(MoveClock), null, Tick, Tick);
        await LoadAsync();
    }

    private async Task LoadAsync()
    {
        var id = Id;
        await latest.AskAsync(async () =>
        {
            watch ??= feed.Subscribe([id], _ => InvokeAsync(TakeAsync));
            return await runs.FindAsync(id) is { } run ? new Shown(run, await certificates.LatestAsync(id)) : null;
        });
    }

    // A certificate's changes are reported as changes of its run. It is read again, not more often than once a second.
    private async Task TakeAsync()
    {
        await LoadAsync();
        StateHasChanged();
        await Task.Delay(Pause, time);
    }

    // How long it has been in the making; nothing is read for it.
    private void MoveClock()
    {
        if (Certificate?.State == RunState.Running) StateHasChanged();
    }

    private async Task CancelAsync()
    {
        if (busy) return;
        busy = true;
        ActionResult? result = null;
        var problem = await backend.TryAsync(async () => result = await certificates.CancelAsync(Id));
        if (problem is not null || result is { Done: false })
            notes.Add($"It could not be cancelled. {problem ?? result?.Message}", Severity.Error);
        await LoadAsync();
        busy = false;
    }

    private async Task TookAsync(CertificateView requested)
    {
        if (Detail is not { } run || requested.RunId != Id) return;
        latest.Take(new(run, requested));
        await LoadAsync();
    }

    public void Dispose()
    {
        watch?.Dispose();
        clock?.Dispose();
    }

    private sealed record Shown(RunDetail Run, CertificateView? Certificate);
}
