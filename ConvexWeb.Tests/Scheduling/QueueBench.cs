using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Scheduling;

/// <summary>
/// <c>./convexweb bench queue</c>: how soon a run starts, and what a claim costs among many.
/// </summary>
public sealed class QueueBench(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private const int Submissions = 200;

    [Fact(Explicit = true)]
    [Trait("bench", "queue")]
    public async Task From_submission_to_trainer_on_an_idle_cluster()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var first = await StartNodeAsync(("Convex:Worker:Slots", "2"));
        await using var second = await StartNodeAsync(("Convex:Worker:Name", "worker-2"), ("Convex:Worker:Slots", "2"));
        for (var i = 0; i < Submissions; i++)
            await Database.UntilAsync(await web.SubmitAsync("""{"steps":1}"""), RunState.Succeeded);
        Report("submission to claim", await Database.RowsAsync<double>(
            "select extract(epoch from a.started_at - i.created_at)::float8 * 1000 from work_items i join attempts a on a.item_id = i.id"));
        Report("submission to the trainer's first word", await Database.RowsAsync<double>(
            """
            select extract(epoch from min(p.at) - i.created_at)::float8 * 1000
            from work_items i join points p on p.run_id = i.run_id group by i.id
            """));
    }

    [Theory(Explicit = true)]
    [Trait("bench", "queue")]
    [InlineData(5_000)]
    [InlineData(20_000)]
    public async Task A_claim_among_many_that_wait(int waiting)
    {
        await Database.AddRunAsync();
        await Database.ScalarAsync<long>(
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
        await Database.ScalarAsync<long>("select 1::bigint from (select pg_stat_force_next_flush()) f");
        var leases = new Leases(Database, new WorkerSettings());
        var times = new List<double>();
        for (var i = 0; i < 60; i++)
        {
            var begun = TimeProvider.System.GetTimestamp();
            Assert.NotNull(await leases.ClaimAsync(["cpu"]));
            times.Add(TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds);
        }
        Report($"a claim with {waiting:N0} waiting", times);

        await Database.ExecuteAsync(
            """
            insert into workers (name, host, slots, queues, started_at, last_seen)
            values ('w', @host, 70, 'cpu', now(), now() + interval '1 hour')
            """, new { host = Environment.MachineName });
        times.Clear();
        for (var i = 0; i < 20; i++)
        {
            var begun = TimeProvider.System.GetTimestamp();
            Assert.Equal(200, (await new WaitingItems(Database).ReadAsync(runs: null, queue: null, most: 200, default)).Items.Count);
            times.Add(TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds);
        }
        Report($"the queue's first 200 of {waiting:N0}", times);
        times.Clear();
        var last = await Database.ScalarAsync<long>("select max(run_id) from work_items where state = 'Queued' and priority = 1");
        for (var i = 0; i < 20; i++)
        {
            var begun = TimeProvider.System.GetTimestamp();
            Assert.Single((await new WaitingItems(Database).ReadAsync([last], queue: null, most: 1, default)).Items);
            times.Add(TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds);
        }
        Report($"the place of one of the last of {waiting:N0}", times);
    }

    private static void Report(string what, IEnumerable<double> times)
    {
        var sorted = times.Order().ToList();
        Say($"{what}: {sorted.Count} times, p50 {At(0.5):0} ms, p95 {At(0.95):0} ms, max {sorted[^1]:0} ms");

        double At(double share) => sorted[(int)(share * (sorted.Count - 1))];
    }

    private static void Say(string line) => Xunit.TestContext.Current.TestOutputHelper?.WriteLine(line);
}
