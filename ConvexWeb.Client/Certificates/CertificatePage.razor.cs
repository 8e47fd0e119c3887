using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Logging;
using Radzen;

namespace ConvexWeb.Client.Certificates;

/// <summary>Whether a run's network is convex in its input: the verdict, the inequalities, the curves and the proof.</summary>
public sealed partial class CertificatePage(
    IRuns runs, ICertificates certificates, IRunFeed feed, NotificationService notes, TimeProvider time, ILogger<CertificatePage> logger)
    : ComponentBase, IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    private RunDetail? detail;
    private CertificateView? certificate;
    private bool missing;
    private string? error;
    private long loaded;
    private int asked;
    private int answered;
    private bool busy;
    private ITimer? clock;
    private IDisposable? watch;

    [Parameter] public long Id { get; set; }

    private TimeProvider Time => time;

    private bool Constrained => detail!.Row.Convexity != "none";

    // The run's checkpoint of the same kind, when it is not the one that the certificate is of.
    private CheckpointView? Newer
    {
        get
        {
            var newest = detail!.Checkpoints.Where(c => c.Kind == certificate!.Checkpoint).MaxBy(c => c.CreatedAt);
            return newest is not null && newest.Sha256 != certificate!.Sha256 ? newest : null;
        }
    }

    protected override async Task OnParametersSetAsync()
    {
        if (!RendererInfo.IsInteractive || loaded == Id) return;
        (loaded, detail, certificate, missing) = (Id, null, null, false);
        watch?.Dispose();
        watch = null;
        await LoadAsync();
        clock ??= time.CreateTimer(_ => InvokeAsync(MoveClock), null, Tick, Tick);
    }

    private async Task LoadAsync()
    {
        // As on the run's page: an answer that was overtaken, or is for another run, changes nothing.
        var (id, question) = (Id, ++asked);
        RunDetail? found = null;
        CertificateView? latest = null;
        var failure = await Edge.TryAsync(logger, async () =>
        {
            watch ??= feed.Subscribe([id], _ => InvokeAsync(RefreshAsync));
            found = await runs.FindAsync(id);
            if (found is not null) latest = await certificates.LatestAsync(id);
        });
        if (id != Id || question < answered) return;
        (answered, error) = (question, failure);
        if (failure is null) (detail, certificate, missing) = (found, latest, found is null);
    }

    // A certificate that changes is told as a change of its run.
    private async Task RefreshAsync()
    {
        await LoadAsync();
        StateHasChanged();
    }

    // How long it has been in the making; nothing is read for it.
    private void MoveClock()
    {
        if (certificate?.State == RunState.Running) StateHasChanged();
    }

    private async Task CancelAsync()
    {
        if (busy) return;
        busy = true;
        ActionResult? result = null;
        var problem = await Edge.TryAsync(logger, async () => result = await certificates.CancelAsync(Id));
        if (problem is not null || result is { Done: false })
            notes.Notify(NotificationSeverity.Error, "It could not be cancelled.", problem ?? result?.Message ?? "");
        await LoadAsync();
        busy = false;
    }

    private void Took(CertificateView requested)
    {
        answered = ++asked;
        certificate = requested;
    }

    public void Dispose()
    {
        watch?.Dispose();
        clock?.Dispose();
    }
}
