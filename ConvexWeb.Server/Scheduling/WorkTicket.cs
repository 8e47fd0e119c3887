using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Trainers;
using Hangfire;
using Hangfire.Server;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// What a slot does with a ticket: it takes the item that is next and works on it to the end of the attempt. Its full name is stored with
/// every ticket: one of a name that is gone ends as failed, and the office makes another.
/// </summary>
internal sealed class WorkTicket(
    Leases leases, ItemExecution items, DevicePool devices, TicketOffice office, TicketQueue queue, WorkerSettings settings,
    TimeProvider time, IHostApplicationLifetime life, ILogger<WorkTicket> log)
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
            if (await leases.ClaimAsync(settings.QueueList, device.Name, device.MemoryMb, stop) is not { } item)
                return "Nothing was waiting that may start here.";
            Show(context, item);
            await OneMoreAsync(stop);
            var (end, left) = await items.RunAsync(item, device.Name, stop);
            if (left is { NotBefore: { } retry }) _ = AnnounceAsync(retry, stop);
            return $"{item.Name}: {end.Outcome.Word()}{(left is null ? "" : $", now {left.State}")}";
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

    // For people only: the item is ours already, and must not wait for its lease to run out because the dashboard could not be written to.
    private void Show(PerformContext? context, Assignment item)
    {
        try
        {
            context?.SetJobParameter("Item", item.Name);
        }
        catch (Exception problem)
        {
            log.LogDebug("The dashboard does not show {Item}: {Problem}", item.Name, problem.Message);
        }
    }

    // The place of this ticket in the queue is free.
    private async Task OneMoreAsync(CancellationToken stop)
    {
        await office.AnnounceAsync(stop);
        queue.Wake();
    }

    // An item that is to be tried again is announced when its time has come; the next pass of the reconciler would be a little late.
    private async Task AnnounceAsync(DateTimeOffset at, CancellationToken stop)
    {
        var wait = at - time.GetUtcNow();
        if (wait > TimeSpan.Zero) await Task.Delay(wait, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!stop.IsCancellationRequested) await office.AnnounceAsync(stop);
    }
}
