using System.Net;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Npgsql;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// A web node and two workers with two slots each, on wires of their own to a PostgreSQL that can crash, and small disks where they can be
/// had; and everything that may happen to them.
/// </summary>
internal sealed class ChaosLab : IAsyncDisposable
{
    /// <summary>A trainer that is stopped for a minute goes on; one that is stopped for good is ended after this.</summary>
    private static readonly TimeSpan HangLimit = TimeSpan.FromSeconds(75);

    /// <summary>Within so many seconds the items of a dead worker run again.</summary>
    private const double TakeOverLimit = 15;

    private static readonly TimeSpan Lease = new WorkerSettings().Lease;

    private readonly Wire[] wires = new Wire[2];
    private readonly DateTimeOffset[] workersSince = new DateTimeOffset[2];
    private DateTimeOffset webSince, isBack;
    private Wire webWire = null!;
    private readonly ServerProcess[] workers = new ServerProcess[2];
    private SmallDisk? dataDisk;
    private SmallDisk? databaseDisk;
    private ProcessLab lab = null!;
    private ProcessLab.WebNode web = null!;
    private HttpClient client = null!;

    /// <summary>What has happened.</summary>
    /// <param name="Hit">False: there was nothing there that it could have disturbed.</param>
    /// <param name="MayLose">A worker was away from the database for as long as a lease lasts, so that others may take its items.</param>
    public sealed record Event(Fault Fault, string Detail, bool Hit = true, bool MayLose = false)
    {
        public override string ToString() => Detail.Length == 0 ? Fault.Words() : $"{Fault.Words()} ({Detail})";
    }

    public string DataFolder => lab.DataFolder;
    public NpgsqlDataSource Database => lab.Database;

    /// <summary>After how many seconds the items of a worker that was away ran on the other one, by what had happened to it.</summary>
    public Dictionary<Fault, List<double>> TakenOver { get; } = [];

    /// <summary>Runs that had Failed by a full disk and were queued again.</summary>
    public int Requeued { get; private set; }

    public bool HasSmallDisks => dataDisk is not null && databaseDisk is not null;

    public static async Task<ChaosLab> StartAsync()
    {
        var chaos = new ChaosLab();
        chaos.lab = await ProcessLab.StartAsync(chaos.Mount);
        chaos.webWire = Wire.To(chaos.lab.ConnectionString);
        await chaos.StartWebAsync();
        chaos.client = chaos.web.Client(await chaos.lab.AddUserAsync("ada", isAdmin: true));
        for (var worker = 0; worker < 2; worker++)
        {
            chaos.wires[worker] = Wire.To(chaos.lab.ConnectionString);
            await chaos.StartWorkerAsync(worker);
        }
        return chaos;
    }

    public Task<long[]> SubmitAsync(string spec, int[] seeds) => client.SubmitAsync(spec, seeds);

    /// <summary>A fault, when both runs have come on by some steps since the last one or have ended.</summary>
    public async Task<Event> DisturbAsync(Fault fault, long[] runs, Random random)
    {
        var marks = await Database.RowsAsync<long>("select step from runs where id = any(@runs) order by id", new { runs });
        await Database.UntilAsync(
            """
            select bool_and(i.state in ('Succeeded', 'Failed') or i.state = 'Running' and r.step >= m.step + 30)
            from unnest(@runs, @marks) as m (id, step) join runs r on r.id = m.id
            join work_items i on i.run_id = r.id and i.kind = 'run'
            """, new { runs, marks = marks.ToArray() });
        await Task.Delay(random.Next(300));
        return await ApplyAsync(fault, runs[random.Next(runs.Length)], random);
    }

    /// <summary>
    /// A full disk makes a run Failed, with the disk in its reason; it is queued again, as people do when they have made room.
    /// </summary>
    public async Task EndAsync(long run)
    {
        await Database.UntilAsync(
            "select state in ('Succeeded', 'Failed', 'Cancelled') from work_items where kind = 'run' and run_id = @run", new { run });
        var (state, reason) = (await Database.RowsAsync<(string, string?)>(
            "select state, reason from work_items where kind = 'run' and run_id = @run", new { run })).Single();
        if (state == "Succeeded") return;
        Assert.True(state == "Failed" && reason!.Contains("is full", StringComparison.Ordinal), $"run {run} is {state}: {reason}");
        Requeued++;
        using var response = await client.PostAsync($"/api/v1/runs/{run}/requeue", null);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        await Database.UntilAsync(run, RunState.Succeeded);
    }

    /// <summary>No item, attempt or ticket is left over, and the sequence numbers have no hole.</summary>
    public async Task AssertSettledAsync(long[] runs)
    {
        await Database.UntilAsync("select count(*) = 0 from hangfire.jobqueue");
        Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from hangfire.job where statename = 'Failed'"));
        Assert.Equal(["Succeeded"], await Database.RowsAsync<string>("select distinct state from work_items"));
        Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from attempts where ended_at is null or outcome is null"));
        foreach (var run in runs)
        {
            Assert.True(await Database.ScalarAsync<bool>(
                """
                select count(*) = max(seq) and count(distinct seq) = max(seq) and max(seq) = (select last_seq from runs where id = @run)
                from points where run_id = @run
                """, new { run }));
        }
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        Wire[] all = [.. wires.Append(webWire).Where(wire => wire is not null)];
        foreach (var wire in all) wire.Heal(); // a node that is cut off would end late
        await lab.DisposeAsync();
        foreach (var wire in all) await wire.DisposeAsync();
    }

    private IReadOnlyList<IDisposable> Mount(string data, string database)
    {
        (dataDisk, databaseDisk) = (SmallDisk.TryMount(data, megabytes: 400), SmallDisk.TryMount(database, megabytes: 1500));
        return [.. new[] { dataDisk, databaseDisk }.OfType<SmallDisk>()];
    }

    private async Task<Event> ApplyAsync(Fault fault, long run, Random random)
    {
        TimeSpan Between(double least, double most) => TimeSpan.FromSeconds(least + ((most - least) * random.NextDouble()));
        var minute = TimeSpan.FromMinutes(1);
        return fault switch
        {
            Fault.TrainerKilled => new(fault, "", Hit: await TrueTraining.KillTrainerAsync(DataFolder, run)),
            Fault.TrainerStopped => await StopTrainerAsync(fault, run, Between(0.5, 8)),
            Fault.TrainerStoppedForAMinute => await StopTrainerAsync(fault, run, minute),
            Fault.TrainerStoppedForGood => await HangTrainerAsync(fault, run),
            Fault.WorkerKilled => await KillWorkerAsync(fault, await WorkerOfAsync(run), isAway: false),
            Fault.WorkerKilledAndAway => await KillWorkerAsync(fault, await WorkerOfAsync(run), isAway: true),
            Fault.WorkerStopped => await StopWorkerAsync(fault, await WorkerOfAsync(run), Between(0.5, 12)),
            Fault.WorkerStoppedForAMinute => await StopWorkerAsync(fault, await WorkerOfAsync(run), minute),
            Fault.WorkerShutDown => await ShutDownAsync(fault, await WorkerOfAsync(run)),
            Fault.WebKilled => await KillWebAsync(fault, Between(0, 2)),
            Fault.PostgresCrashed => await CrashPostgresAsync(fault, Between(0.1, 6)),
            Fault.PostgresAwayForLongerThanALease => await CrashPostgresAsync(fault, 2.5 * Lease),
            Fault.PostgresSilentToAll => await SilenceAsync(fault, Between(14, 45), random),
            Fault.NetworkCutForASecond => await CutAsync(fault, await WorkerOfAsync(run), TimeSpan.FromSeconds(1)),
            Fault.NetworkCutForHalfAMinute => await CutAsync(fault, await WorkerOfAsync(run), minute / 2),
            Fault.NetworkCutForTwoMinutes => await CutAsync(fault, await WorkerOfAsync(run), 2 * minute),
            Fault.DataDiskFull => await FillAsync(fault, dataDisk, Between(2, 5)),
            Fault.DatabaseDiskFull => await FillAsync(fault, databaseDisk, Between(2, 5)),
            Fault.TicketsWithoutItems => MakeTickets(fault, random.Next(1, 6)),
            Fault.TicketDeliveredAgain => await DeliverAgainAsync(fault, run),
            Fault.RunPausedAndResumed => await AskAsync(fault, run, "pause", RunState.Paused, "resume"),
            Fault.RunCancelledAndRequeued => await AskAsync(fault, run, "cancel", RunState.Cancelled, "requeue"),
            _ => throw new InvalidOperationException($"Nothing is known of {fault}."),
        };
    }

    // Its worker lives, and keeps the item.
    private async Task<Event> StopTrainerAsync(Fault fault, long run, TimeSpan length)
    {
        var attempt = await AttemptAsync(run);
        var hit = false;
        foreach (var trainer in await TrueTraining.TrainersAsync(DataFolder, run))
        {
            using (trainer)
            {
                if (!trainer.TryFallAsleep()) continue;
                await Task.Delay(length);
                hit |= trainer.TryWakeUp();
            }
        }
        Assert.Equal(attempt, await AttemptAsync(run));
        return new(fault, $"{length.TotalSeconds:0.0} s", hit);
    }

    private async Task<Event> HangTrainerAsync(Fault fault, long run)
    {
        var attempt = await AttemptAsync(run);
        var stopped = TimeProvider.System.GetTimestamp();
        foreach (var trainer in await TrueTraining.TrainersAsync(DataFolder, run))
        {
            using (trainer) trainer.TryFallAsleep();
        }
        await Database.UntilAsync(
            """
            select a.outcome is not null from attempts a join work_items i on i.id = a.item_id
            where i.kind = 'run' and i.run_id = @run and a.number = @attempt
            """, new { run, attempt }, HangLimit + TimeSpan.FromSeconds(45));
        var outcome = (await Database.OutcomesAsync(run)).Split(',')[attempt - 1];
        return new(fault, $"{outcome} after {TimeProvider.System.GetElapsedTime(stopped).TotalSeconds:0} s", Hit: outcome == "hung");
    }

    private async Task<Event> KillWorkerAsync(Fault fault, int worker, bool isAway)
    {
        // The other one, which may have been down itself a moment ago, is to be there.
        await Database.UntilAsync(
            "select last_seen > now() - interval '3 seconds' from workers where name = @other", new { other = NameOf(1 - worker) });
        var items = await HeldByAsync(worker);
        var killed = DateTimeOffset.UtcNow;
        await workers[worker].KillAsync();
        await workers[worker].DisposeAsync();
        var starting = isAway ? Task.CompletedTask : StartWorkerAsync(worker);
        await TakenOverAsync(fault, items, killed, TakeOverWithin(1 - worker, killed));
        await starting;
        if (isAway) await StartWorkerAsync(worker);
        return new(fault, $"with {items.Count}", MayLose: true);
    }

    // When the database was away, or those who are left have just started, every worker first has the time to come back.
    private double TakeOverWithin(int other, DateTimeOffset killed)
    {
        var left = webSince < workersSince[other] ? webSince : workersSince[other];
        var since = left > isBack ? left : isBack;
        return Math.Max(TakeOverLimit, (since + Lease - killed).TotalSeconds + TakeOverLimit);
    }

    private async Task<Event> StopWorkerAsync(Fault fault, int worker, TimeSpan length)
    {
        var (items, since) = (await HeldByAsync(worker), DateTimeOffset.UtcNow);
        workers[worker].FallAsleep();
        try
        {
            await AwayAsync(fault, items, since, length);
        }
        finally
        {
            workers[worker].WakeUp(); // one that sleeps could not be shut down
        }
        return new(fault, $"{length.TotalSeconds:0.0} s", MayLose: length > Lease / 2);
    }

    private async Task<Event> CutAsync(Fault fault, int worker, TimeSpan length)
    {
        var (items, since) = (await HeldByAsync(worker), DateTimeOffset.UtcNow);
        wires[worker].Cut();
        await AwayAsync(fault, items, since, length);
        wires[worker].Heal();
        return new(fault, "", MayLose: length > Lease / 2);
    }

    private async Task<Event> ShutDownAsync(Fault fault, int worker)
    {
        var code = await workers[worker].TerminateAsync();
        Assert.True(code == 0, $"The worker ended with {code}.\n{workers[worker].Output}");
        await workers[worker].DisposeAsync();
        await StartWorkerAsync(worker);
        return new(fault, "");
    }

    private async Task<Event> KillWebAsync(Fault fault, TimeSpan away)
    {
        await web.Process.KillAsync();
        await web.Process.DisposeAsync();
        await Task.Delay(away);
        await StartWebAsync(web.Address);
        return new(fault, $"{away.TotalSeconds:0.0} s");
    }

    // As when the database's own cable is pulled; each node hears at another moment that it is back. No worker may lose an item by it.
    private async Task<Event> SilenceAsync(Fault fault, TimeSpan length, Random random)
    {
        Wire[] all = [webWire, .. wires];
        foreach (var wire in all) wire.Cut();
        await Task.Delay(length);
        foreach (var wire in all.OrderBy(_ => random.Next()))
        {
            wire.Heal();
            await Task.Delay(random.Next(2000));
        }
        isBack = DateTimeOffset.UtcNow;
        return new(fault, $"{length.TotalSeconds:0.0} s");
    }

    private async Task<Event> CrashPostgresAsync(Fault fault, TimeSpan away)
    {
        await lab.Postgres.CrashAsync();
        await Task.Delay(away);
        await lab.Postgres.RestartAsync();
        await Database.UntilAsync("select true");
        isBack = DateTimeOffset.UtcNow;
        return new(fault, $"{away.TotalSeconds:0.0} s");
    }

    // PostgreSQL itself may end when it cannot write.
    private async Task<Event> FillAsync(Fault fault, SmallDisk? disk, TimeSpan length)
    {
        if (disk is null) return new(fault, "no small disk can be mounted here", Hit: false);
        using (disk.Fill()) await Task.Delay(length);
        await lab.Postgres.ReviveAsync();
        await Database.UntilAsync("select true");
        isBack = DateTimeOffset.UtcNow;
        return new(fault, $"{length.TotalSeconds:0.0} s");
    }

    private Event MakeTickets(Fault fault, int count)
    {
        SpareTickets.Make(Database, count);
        return new(fault, $"{count}");
    }

    // No other attempt may take the running item because of it.
    private async Task<Event> DeliverAgainAsync(Fault fault, long run)
    {
        var attempt = await AttemptAsync(run);
        var hit = await SpareTickets.DeliverAgainAsync(Database, run, attempt);
        Assert.Equal(attempt, await AttemptAsync(run));
        return new(fault, "", hit);
    }

    // And back again, when it is so or has come to its end before.
    private async Task<Event> AskAsync(Fault fault, long run, string what, RunState then, string back)
    {
        using var asked = await client.PostAsync($"/api/v1/runs/{run}/{what}", null);
        await Database.UntilAsync(
            "select state in (@then, 'Succeeded', 'Failed') from work_items where kind = 'run' and run_id = @run",
            new { run, then = $"{then}" });
        var isSo = await Database.ScalarAsync<bool>(
            "select state = @then from work_items where kind = 'run' and run_id = @run", new { run, then = $"{then}" });
        if (!isSo) return new(fault, "", Hit: false);
        using var returned = await client.PostAsync($"/api/v1/runs/{run}/{back}", null);
        return new(fault, "", Hit: asked.StatusCode == HttpStatusCode.OK && returned.StatusCode == HttpStatusCode.OK);
    }

    // To the others, one that is silent for longer than a lease is dead; it may be so for less.
    private async Task AwayAsync(Fault fault, IReadOnlyList<long> items, DateTimeOffset since, TimeSpan length)
    {
        if (length > 2 * Lease) await TakenOverAsync(fault, items, since, length.TotalSeconds);
        var rest = since + length - DateTimeOffset.UtcNow;
        if (rest > TimeSpan.Zero) await Task.Delay(rest);
    }

    // The other worker has slots for them.
    private async Task TakenOverAsync(Fault fault, IReadOnlyList<long> items, DateTimeOffset since, double limit)
    {
        if (items.Count == 0) return;
        await Database.UntilAsync(
            """
            select count(*) = 0 from work_items i join attempts a on a.item_id = i.id and a.number = i.attempt
            where i.id = any(@items) and i.state in ('Running', 'Queued') and (i.state = 'Queued' or a.started_at < @since)
            """, new { items = items.ToArray(), since });
        var seconds = (DateTimeOffset.UtcNow - since).TotalSeconds;
        if (!TakenOver.TryGetValue(fault, out var times)) TakenOver[fault] = times = [];
        times.Add(seconds);
        Assert.True(seconds < limit, $"{fault.Words()}: its {items.Count} items ran again after {seconds:0.0} s.");
    }

    private Task<int> AttemptAsync(long run)
        => Database.ScalarAsync<int>("select attempt from work_items where kind = 'run' and run_id = @run", new { run });

    private async Task<int> WorkerOfAsync(long run)
        => await Database.ScalarAsync<string?>("select worker from work_items where kind = 'run' and run_id = @run", new { run })
            == NameOf(1) ? 1 : 0;

    private Task<IReadOnlyList<long>> HeldByAsync(int worker) => Database.RowsAsync<long>(
        "select id from work_items where state = 'Running' and worker = @name", new { name = NameOf(worker) });

    private async Task StartWorkerAsync(int worker)
    {
        workers[worker] = await lab.StartWorkerAsync(
            NameOf(worker), 2, wires[worker].ConnectionString, ("Convex:Worker:HangLimit", $"{HangLimit:c}"));
        workersSince[worker] = DateTimeOffset.UtcNow;
    }

    private async Task StartWebAsync(Uri? place = null)
    {
        web = await lab.StartWebAsync(place, webWire.ConnectionString);
        webSince = DateTimeOffset.UtcNow;
    }

    private static string NameOf(int worker) => $"worker-{worker}";
}
