using ConvexWeb.Server.Certificates;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Trainers;
using Hangfire;
using Hangfire.Server;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// What a slot does with a ticket: it takes the item that is next and works on it to its end. Its full name is stored with every ticket:
/// one of a name that is gone ends as failed, and the office makes another.
/// </summary>
internal sealed class WorkTicket(
    Leases leases, CertificateClaims certificateClaims, RunExecution runs, CertificateExecution certificates, DevicePool devices,
    TicketOffice office, TicketQueue queue, WorkerSettings settings, IHostApplicationLifetime life, ILogger<WorkTicket> log)
{
    /// <summary>
    /// Ends well whatever happens, because a failed job stays in Hangfire for ever; how an item ended is in its row. It does not take
    /// Hangfire's token, which an outage of the database would cancel: the server's own end is what stops work.
    /// </summary>
    /// <returns>What was done, for the dashboard.</returns>
    [AutomaticRetry(Attempts = 0, LogEvents = false)]
    public async Task<string> UseAsync(PerformContext? context)
    {
        var stop = life.ApplicationStopping;
        if (stop.IsCancellationRequested) return "This worker is stopping.";
        try
        {
            using var device = devices.TryTake();
            if (device is null) return "No slot was free.";
            if (await leases.ClaimAsync(settings.GroupList, stop) is { } run)
            {
                context?.SetJobParameter("Item", $"run {run.RunId}, attempt {run.Attempt}");
                await OneMoreAsync(stop);
                return $"Run {run.RunId}, attempt {run.Attempt}: {await runs.RunAsync(run, device.Name, stop)}";
            }
            if (await certificateClaims.ClaimAsync(settings.GroupList, stop) is { } certificate)
            {
                context?.SetJobParameter("Item", $"certificate of run {certificate.Checkpoint.RunId}");
                await OneMoreAsync(stop);
                return $"{certificate.Name}: {await certificates.RunAsync(certificate, stop)}";
            }
            return "Nothing was waiting.";
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return "This worker is stopping.";
        }
        catch (Exception problem)
        {
            if (Outage.Is(problem)) log.LogWarning("A ticket could not be used: {Problem}", problem.Message);
            else log.LogError(problem, "A ticket could not be used");
            return $"It could not be used: {problem.Message}";
        }
    }

    // The place of this ticket in the queue is free.
    private async Task OneMoreAsync(CancellationToken stop)
    {
        await office.AnnounceAsync(stop);
        queue.Wake();
    }
}
