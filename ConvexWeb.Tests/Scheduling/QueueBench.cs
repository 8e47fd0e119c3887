using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Scheduling;
using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConvexWeb.Tests.Scheduling;

/// <summary>
/// <c>./convexweb bench queue</c>: how soon a run starts on an idle cluster of processes with the real trainer, and what a claim costs
/// among many. PostgreSQL waits for the disk, as the product's does.
/// </summary>
public sealed class QueueBench
{
    private const int Submissions = 200;
    private const double Limit = 250;

    // Until then the database is not polled for the run's progress, so that what is measured has it for itself.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(1);

    private const string Spec = """
        {"model":{"name":"mlp","width":32},"data":{"name":"glyphs","train_size":300,"test_size":100},
         "training":{"epochs":1,"batch_size":50,"points_every":1}}
        """;

    [Fact(Explicit = true)]
    [Trait("bench", "queue")]
    public async Task From_submission_to_trainer_on_an_idle_cluster()
    {
        await using var lab = await ProcessLab.StartAsync();
        var web = await lab.StartWebAsync();
        string[] workers = ["worker-0", "worker-1"];
        using var starts = new TrainerStarts(lab.DataFolder, workers);
        foreach (var name in workers) await lab.StartWorkerAsync(name, slots: 2);
        using var client = web.Client(await lab.AddUserAsync("ada"));
        for (var i = 0; i < Submissions; i++)
        {
            var run = await client.SubmitAsync(Spec, i);
            await Task.Delay(Silence);
            await lab.Database.UntilAsync(run, RunState.Succeeded);
        }

        // One run at a time: the n-th process is that of the n-th run.
        var stored = await lab.Database.RowsAsync<(long Run, DateTime Submitted, DateTime Claimed, DateTime Point)>(
            """
            select i.run_id, i.created_at, a.started_at, (select min(p.at) from points p where p.run_id = i.run_id)
            from work_items i join attempts a on a.item_id = i.id order by i.id
            """);
        Assert.Equal(Submissions, stored.Count);
        var processes = starts.All;
        Assert.Equal(Submissions, processes.Count);
        ProcessLab.Say($"real processes, real trainer, PostgreSQL waits for the disk, {ProcessLab.Load}");
        var claim = ProcessLab.Report("submission (work_items.created_at) to claim (attempts.started_at)",
            stored.Select(row => (row.Claimed - row.Submitted).TotalMilliseconds));
        var process = ProcessLab.Report("submission to the start of the trainer's process (/proc, in steps of 10 ms)",
            stored.Zip(processes, (row, at) => (at - row.Submitted).TotalMilliseconds));
        ProcessLab.Report("submission to the trainer's first word (at of the journal's first event)",
            stored.Select(row => (FirstWord(lab.DataFolder, row.Run) - row.Submitted).TotalMilliseconds));
        ProcessLab.Report("submission to the first point (points.at)",
            stored.Select(row => (row.Point - row.Submitted).TotalMilliseconds));
        Assert.True(Math.Max(claim, process) < Limit, $"p95 {claim:0} ms to the claim, {process:0} ms to the process");
    }

    private static DateTime FirstWord(string dataFolder, long run)
    {
        using var json = JsonDocument.Parse(File.ReadLines(RunFiles.JournalOf(dataFolder, run)).First());
        return json.RootElement.GetProperty("at").GetDateTimeOffset().UtcDateTime;
    }

    [Theory(Explicit = true)]
    [Trait("bench", "queue")]
    [InlineData(5_000, 100)]
    [InlineData(20_000, 200)]
    public async Task A_claim_among_many_that_wait(int waiting, int limit)
    {
        await using var lab = await ProcessLab.StartAsync();
        await lab.Database.AddRunAsync();
        await lab.Database.ScalarAsync<long>(
            """
            with more as (
                insert into runs (study_id, name, seed, spec, group_key, model, convexity, dataset, labels, parameters, epochs,
                    steps_per_epoch, total_steps)
                select study_id, name, n, spec, group_key, model, convexity, dataset, labels, parameters, epochs, steps_per_epoch,
                    total_steps
                from runs, generate_series(2, @waiting) n returning id, study_id, seed as n),
            items as (
                insert into work_items (kind, run_id, study_id, created_by, priority, queue)
                select 'run', id, study_id, 'user' || n % 20, 1 + n % 5, 'cpu' from more returning 1)
            select count(*) from items
            """, new { waiting });
        await lab.Database.ScalarAsync<long>("select 1::bigint from (select pg_stat_force_next_flush()) f");
        var leases = new Leases(lab.Database, new WorkerSettings());
        var times = new List<double>();
        for (var i = 0; i < 60; i++)
        {
            var begun = TimeProvider.System.GetTimestamp();
            Assert.NotNull(await leases.ClaimAsync(["cpu"]));
            times.Add(TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds);
        }
        var claimed = ProcessLab.Report($"a claim with {waiting:N0} waiting, PostgreSQL waits for the disk", times);
        Assert.True(claimed < limit, $"claimed {claimed:0} ms");

        await lab.Database.ExecuteAsync(
            """
            insert into workers (name, host, machine, slots, queues, started_at, last_seen)
            values ('w', 'w', @machine, 70, 'cpu', now(), now() + interval '1 hour')
            """, new { machine = Machine.Id });
        times.Clear();
        for (var i = 0; i < 20; i++)
        {
            var begun = TimeProvider.System.GetTimestamp();
            Assert.Equal(200, (await new WaitingItems(lab.Database).ReadAsync(runs: null, queue: null, most: 200, default)).Items.Count);
            times.Add(TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds);
        }
        ProcessLab.Report($"the queue's first 200 of {waiting:N0}", times);
        times.Clear();
        var last = await lab.Database.ScalarAsync<long>("select max(run_id) from work_items where state = 'Queued' and priority = 1");
        for (var i = 0; i < 20; i++)
        {
            var begun = TimeProvider.System.GetTimestamp();
            Assert.Single((await new WaitingItems(lab.Database).ReadAsync([last], queue: null, most: 1, default)).Items);
            times.Add(TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds);
        }
        ProcessLab.Report($"the place of one of the last of {waiting:N0}", times);
    }

    /// <summary>All that wait are of level high and press: the pass that looks who may yield must not keep claims waiting.</summary>
    [Theory(Explicit = true)]
    [Trait("bench", "queue")]
    [InlineData(5_000, 100)]
    [InlineData(20_000, 200)]
    public async Task A_claim_among_many_that_press_while_six_nodes_look_after_the_queue(int waiting, int limit)
    {
        const int workers = 20, slots = 4;
        await using var lab = await ProcessLab.StartAsync();
        await lab.Database.ExecuteAsync(
            """
            insert into workers (name, host, machine, slots, queues, started_at, last_seen, lends)
            select 'w' || n, 'h' || n, 'm' || n, @slots, 'cpu', now(), now() + interval '1 hour',
                jsonb_build_array(jsonb_build_object('name', 'cpu', 'mb', 100000, 'slots', @slots, 'own', false))
            from generate_series(1, @workers) n
            """, new { workers, slots });
        for (var n = 0; n < workers * slots; n++)
        {
            await lab.Database.AddRunAsync(priority: Priority.High);
            Assert.NotNull(await Worker(n % workers + 1).ClaimAsync(["cpu"]));
        }
        await lab.Database.ScalarAsync<long>(
            """
            with more as (
                insert into runs (study_id, name, seed, spec, group_key, model, convexity, dataset, labels, parameters, epochs,
                    steps_per_epoch, total_steps)
                select study_id, name, n, spec, group_key, model, convexity, dataset, labels, parameters, epochs, steps_per_epoch,
                    total_steps
                from (select * from runs limit 1) r, generate_series(1, @waiting) n returning id, study_id, seed as n),
            items as (
                insert into work_items (kind, run_id, study_id, created_by, priority, queue, memory_mb, queued_at)
                select 'run', id, study_id, 'user' || n % 20, 4, 'cpu', 300, now() - interval '1 minute' from more returning 1)
            select count(*) from items
            """, new { waiting });
        using var stop = new CancellationTokenSource();
        var nodes = Enumerable.Range(0, 6).Select(async n =>
        {
            await Task.Delay(n * 250);
            var (preemption, office) = (new Preemption(lab.Database, new WorkerSettings()), new TicketOffice(
                lab.Database, TicketStorage.Create(lab.Database, []), TimeProvider.System, NullLogger<TicketOffice>.Instance));
            using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.5));
            do
            {
                await preemption.PassAsync(default);
                await office.PassAsync(default);
            }
            while (await timer.WaitForNextTickAsync() && !stop.IsCancellationRequested);
        }).ToList();
        var times = new List<double>();
        for (var i = 0; i < 100; i++)
        {
            await Task.Delay(100); // spread over several passes of each node
            var begun = TimeProvider.System.GetTimestamp();
            await Worker(1).ClaimAsync(["cpu"], "cpu", 100_000);
            times.Add(TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds);
        }
        await stop.CancelAsync();
        await Task.WhenAll(nodes);
        var p95 = ProcessLab.Report(
            $"a claim with {waiting:N0} of level high waiting, {workers * slots} slots and six nodes that look after the queue", times);
        Assert.True(p95 < limit, $"p95 {p95:0} ms");

        Leases Worker(int n) => new(lab.Database, new WorkerSettings { Name = $"w{n}", Lease = TimeSpan.FromMinutes(10) });
    }
}
