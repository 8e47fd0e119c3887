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
    Leases leases, ItemExecution items, DevicePool devices, WorkerStanding standing, TicketOffice office, TicketQueue queue,
    WorkerSettings settings, TimeProvider time, IHostApplicationLifetime life, ILogger<WorkTicket> log)
{
    private static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(500);

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
            if (!standing.TakesWork)
            {
                await office.AnnounceAsync(stop); // the ticket was another worker's
                return standing.Refused ?? "This worker is drained.";
            }
            using var slots = new Slots(devices);
            var (item, device) = await ClaimAsync(slots, stop);
            if (item is null) return await LeaveToOthersAsync(slots, device, stop);

            // From here the lease is renewed: the rest must not delay that.
            var work = items.RunAsync(item, device!, stop);
            Show(context, item);
            await OneMoreAsync(item, stop);
            var (end, left) = await work;

            // Before tickets are made for it: another thread of this worker may get one, and must find the device free.
            slots.Dispose();
            await office.AnnounceAsync(stop);
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

    // What waits may fit on another worker alone, whose ticket this was: another one is made, and this thread does not fetch it while
    // others may.
    private async Task<string> LeaveToOthersAsync(Slots slots, string? device, CancellationToken stop)
    {
        slots.Dispose();
        if (device is null) return "No slot was free.";
        var made = await office.TryPassAsync(stop);
        if (settings.QueueList.Any(made.ContainsKey))
            await Task.Delay(Turn, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return "Nothing was waiting that may start here.";
    }

    // What does not fit on one device may fit on another: each device with a free slot is asked, until one takes an item.
    private async Task<(Assignment? Item, string? Device)> ClaimAsync(Slots slots, CancellationToken stop)
    {
        string? asked = null;
        while (slots.Another() is { } device)
        {
            asked = device.Name;
            if (await leases.ClaimAsync(settings.QueueList, device.Name, device.MemoryMb, stop) is { } item)
            {
                slots.KeepOnly(device);
                return (item, device.Name);
            }
        }
        return (null, asked);
    }

    /// <summary>The slots that a ticket holds: one of each device while it looks for an item, and then that of the item.</summary>
    private sealed class Slots(DevicePool devices) : IDisposable
    {
        private readonly List<DevicePool.Loan> held = [];

        /// <summary>A free slot of a device that was not asked yet; null when there is none.</summary>
        public DevicePool.Loan? Another()
        {
            var spare = new List<DevicePool.Loan>();
            try
            {
                while (devices.TryTake() is { } loan)
                {
                    if (held.Exists(other => other.Name == loan.Name)) spare.Add(loan);
                    else
                    {
                        held.Add(loan);
                        return loan;
                    }
                }
                return null;
            }
            finally
            {
                foreach (var loan in spare) loan.Dispose();
            }
        }

        public void KeepOnly(DevicePool.Loan kept)
        {
            foreach (var loan in held.Where(loan => loan != kept)) loan.Dispose();
            held.RemoveAll(loan => loan != kept);
        }

        public void Dispose()
        {
            foreach (var loan in held) loan.Dispose();
            held.Clear();
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

    // The place of this ticket in the queue is free. Whatever goes wrong here, the item is at work, and its slot is not free.
    private async Task OneMoreAsync(Assignment item, CancellationToken stop)
    {
        try
        {
            await office.AnnounceAsync(stop);
            queue.Wake();
        }
        catch (Exception problem)
        {
            log.LogWarning("No further ticket was made when {Item} began: {Problem}", item.Name, problem.Message);
        }
    }

    // An item that is to be tried again is announced when its time has come; the next pass of the reconciler would be a little late.
    private async Task AnnounceAsync(DateTimeOffset at, CancellationToken stop)
    {
        var wait = at - time.GetUtcNow();
        if (wait > TimeSpan.Zero) await Task.Delay(wait, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!stop.IsCancellationRequested) await office.AnnounceAsync(stop);
    }
}
