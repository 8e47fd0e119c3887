using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;

namespace ConvexWeb.Tests.Scheduling;

/// <summary>Whose item is next: the one statement against the policy in words, written once more in C#.</summary>
public sealed class PolicyTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private static readonly string[] Users = ["ada", "bob", "cleo", "dan", "eve"];

    private Leases Leases(string worker = "w") => new(Database, new WorkerSettings { Name = worker });

    private async Task<long?> NextAsync(string worker = "w", int? memory = null, params string[] queues)
        => (await Leases(worker).ClaimAsync(queues.Length > 0 ? queues : ["cpu"], "cpu", memory))?.RunId;

    private sealed record Waiting(long Run, string User, int Priority, bool Recovered, int Memory, long Study);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Every_claim_is_the_policys_with_weights_limits_memory_and_the_place_says_so_beforehand(int seed)
    {
        var random = new Random(seed);
        var weights = new Dictionary<string, double> { ["ada"] = 2, ["eve"] = 0.5 };
        var limits = new Dictionary<string, int> { ["bob"] = 2 };
        const int userLimit = 4, studyLimit = 3, capacity = 8000;
        await Database.ExecuteAsync($"update lab set user_running = {userLimit}, study_running = {studyLimit}");
        await Database.ExecuteAsync(
            "insert into user_shares (user_name, weight, max_running) values ('ada', 2, null), ('eve', 0.5, null), ('bob', 1, 2)");
        var studies = new List<long>();
        for (var i = 0; i < 6; i++)
            studies.Add(await Database.ScalarAsync<long>("insert into studies (name, created_by) values ('s', 'x') returning id"));

        var waiting = new List<Waiting>();
        for (var i = 0; i < 140; i++)
        {
            var user = Users[Math.Min(random.Next(5), random.Next(5))];
            var (priority, memory, study) = (1 + random.Next(5), 1000 * random.Next(7), studies[random.Next(6)]);
            var run = await Database.AddRunAsync(priority: (Priority)priority, user: user, memory: memory, study: study);
            waiting.Add(new(run, user, priority, random.Next(8) == 0, memory, study));
        }
        foreach (var tried in waiting.Where(item => item.Recovered))
        {
            await Database.ExecuteAsync(
                """
                update work_items set attempt = 1, recovered = true, started_at = timestamptz '2020-01-01' + @Run * interval '1 minute'
                where run_id = @Run
                """,
                new { tried.Run });
        }

        var running = new List<Waiting>();
        var served = waiting.Where(item => item.Recovered).GroupBy(item => item.User)
            .ToDictionary(own => own.Key, own => own.Max(item => item.Run) - 1_000_000);
        var claims = 0;
        for (var turn = 1; waiting.Count > 0; turn++)
        {
            var free = capacity - running.Sum(item => item.Memory);
            int Of(string user) => running.Count(item => item.User == user);
            var expected = waiting
                .Where(item => item.Memory <= free && Of(item.User) < limits.GetValueOrDefault(item.User, userLimit)
                    && running.Count(other => other.Study == item.Study) < studyLimit)
                .OrderByDescending(item => item.Priority).ThenByDescending(item => item.Recovered)
                .ThenBy(item => Of(item.User) / weights.GetValueOrDefault(item.User, 1))
                .ThenBy(item => served.GetValueOrDefault(item.User, long.MinValue)).ThenBy(item => item.Run).FirstOrDefault();

            Assert.Equal(expected?.Run, await NextAsync(memory: capacity));

            if (expected is not null)
            {
                claims++;
                waiting.Remove(expected);
                running.Add(expected);
                if (!expected.Recovered) served[expected.User] = turn;
            }
            if (expected is not null && running.Count < 6) continue;
            var done = running[random.Next(running.Count)];
            running.Remove(done);
            await Database.ExecuteAsync("update work_items set state = 'Succeeded', finished_at = now() where run_id = @Run",
                new { done.Run });
        }
        Assert.Equal(140, claims);
        Assert.Null(await NextAsync(memory: capacity));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(11)]
    [InlineData(12)]
    public async Task The_queue_shows_the_order_of_claims_across_the_queues_of_a_worker_with_limits_and_memory(int seed)
    {
        const int slots = 3, capacity = 8000;
        var random = new Random(seed);
        await Database.ExecuteAsync("update lab set user_running = 2, study_running = 2");
        await Database.ExecuteAsync("insert into user_shares (user_name, weight, max_running) values ('ada', 3, 3), ('eve', 0.5, null)");
        await Database.ExecuteAsync(
            """
            insert into workers (name, host, machine, slots, queues, started_at, last_seen, lends)
            values ('w', 'w', @machine, @slots, 'cpu, w', now(), now() + interval '1 hour', jsonb_build_array(
                jsonb_build_object('name', 'cpu', 'mb', @capacity, 'slots', @slots, 'own', false)))
            """, new { machine = Machine.Id, slots, capacity });
        var studies = new List<long>();
        for (var i = 0; i < 4; i++)
            studies.Add(await Database.ScalarAsync<long>("insert into studies (name, created_by) values ('s', 'x') returning id"));
        for (var i = 0; i < 60; i++)
        {
            await Database.AddRunAsync(
                priority: (Priority)(1 + random.Next(5)), user: Users[random.Next(5)], memory: 1000 * random.Next(7),
                study: studies[random.Next(4)], queue: random.Next(2) == 0 ? "cpu" : "w");
        }
        await Database.ExecuteAsync(
            "update work_items set attempt = 1, recovered = true, started_at = now() - interval '1 day' where run_id % 9 = 0");
        var snapshot = await new WaitingItems(Database).ReadAsync(runs: null, queue: null, most: 1000, default);
        var own = await new WaitingItems(Database).ReadAsync(runs: null, queue: "w", most: 10, default);
        var last = await new WaitingItems(Database).ReadAsync(runs: [snapshot.Items[^1].RunId], queue: null, most: 1, default);

        // When nothing more can start, what began first ends: how long these runs take is not known.
        var (order, running) = (new List<long>(), new Queue<long>());
        while (order.Count < 60)
        {
            if (running.Count < slots && await NextAsync(memory: capacity, queues: ["cpu", "w"]) is { } run)
            {
                order.Add(run);
                running.Enqueue(run);
                continue;
            }
            var done = running.Dequeue();
            await Database.ExecuteAsync(
                "update work_items set state = 'Succeeded', finished_at = now() where run_id = @done", new { done });
        }

        Assert.Equal(snapshot.Items.Select(item => item.RunId), order);
        Assert.Equal(Enumerable.Range(1, 60).Select(place => (long)place), snapshot.Items.Select(item => item.Place));

        // What is asked for only filters the answer.
        Assert.Equal(snapshot.Items.Where(item => item.Queue == "w").Take(10), own.Items);
        Assert.Equal(60, Assert.Single(last.Items).Place);
    }

    [Fact]
    public async Task What_a_limit_of_its_study_holds_back_is_expected_to_start_when_the_one_before_it_has_ended()
    {
        var study = await Database.ScalarAsync<long>(
            "insert into studies (name, created_by, max_running) values ('s', 'x', 1) returning id");
        await Database.ExecuteAsync(
            """
            insert into workers (name, host, slots, queues, started_at, last_seen)
            values ('w', 'h', 4, 'cpu', now(), now() + interval '1 hour')
            """);
        // The one took a minute; the other was paused for a day.
        foreach (var (attempts, length) in new[] { (1, "1 minute"), (2, "1 day") })
        {
            var done = await Database.AddRunAsync();
            await Database.ExecuteAsync(
                $"""
                with done as (
                    update work_items set state = 'Succeeded', attempt = @attempts, started_at = now() - interval '{length}',
                        finished_at = now()
                    where run_id = @done returning id)
                insert into attempts (item_id, number, worker, started_at, ended_at, outcome)
                select id, @attempts, 'w', now() - interval '{length}', now(), 'succeeded' from done
                """, new { done, attempts });
        }
        var runs = new List<long>();
        for (var i = 0; i < 3; i++) runs.Add(await Database.AddRunAsync(study: study));
        var free = await Database.AddRunAsync();

        var waiting = (await new WaitingItems(Database).ReadAsync(runs: null, queue: "cpu", most: 10, default)).Items;
        Assert.Equal(
            [(runs[0], 0), (free, 0), (runs[1], 60), (runs[2], 120)],
            waiting.Select(item => (item.RunId, Math.Round(item.StartsIn!.Value))));

        // Half of the steps in ten seconds: ten more.
        Assert.Equal(runs[0], await NextAsync());
        await Database.ExecuteAsync(
            """
            update runs set step = 10 where id = @first;
            insert into journals (run_id, attempt, resumed_step) values (@first, 1, 0);
            update attempts set started_at = now() - interval '10 seconds'
            """, new { first = runs[0] });
        var snapshot = await new WaitingItems(Database).ReadAsync(runs: [runs[1]], queue: null, most: 10, default);
        var next = Assert.Single(snapshot.Items);
        Assert.Equal(WaitCode.StudyLimit, snapshot.Why(next, DateTimeOffset.UtcNow).Code);
        Assert.InRange(next.StartsIn!.Value, 10, 40);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    public async Task The_queue_shows_the_order_in_which_claims_take_items_while_slots_come_free(int seed)
    {
        var random = new Random(seed);
        await Database.ExecuteAsync("insert into user_shares (user_name, weight) values ('ada', 3)");
        for (var i = 0; i < 60; i++)
            await Database.AddRunAsync(priority: (Priority)(1 + random.Next(5)), user: Users[random.Next(5)]);
        var snapshot = await new WaitingItems(Database).ReadAsync(runs: null, queue: "cpu", most: 1000, default);
        Assert.Equal(Enumerable.Range(1, 60).Select(place => (long)place), snapshot.Items.Select(item => item.Place));

        var order = new List<long>();
        while (await NextAsync() is { } run) order.Add(run);

        Assert.Equal(snapshot.Items.Select(item => item.RunId), order);
    }

    [Fact]
    public async Task Of_a_user_with_many_runs_and_one_with_two_each_second_slot_is_the_others()
    {
        for (var i = 0; i < 30; i++) await Database.AddRunAsync();
        for (var i = 0; i < 2; i++) await Database.AddRunAsync(user: "eve");

        Assert.Equal([1, 31, 2, 32, 3], [await NextAsync(), await NextAsync(), await NextAsync(), await NextAsync(), await NextAsync()]);
    }

    [Fact]
    public async Task A_weight_of_two_is_two_slots_for_each_of_the_others()
    {
        await Database.ExecuteAsync("insert into user_shares (user_name, weight) values ('ada', 2)");
        for (var i = 0; i < 20; i++)
        {
            await Database.AddRunAsync(user: "ada");
            await Database.AddRunAsync(user: "bob");
        }
        for (var i = 0; i < 9; i++) await NextAsync();

        Assert.Equal(
            [("ada", 6L), ("bob", 3L)],
            await Database.RowsAsync<(string, long)>(
                "select created_by, count(*) from work_items where state = 'Running' group by 1 order by 1"));
    }

    [Fact]
    public async Task Nothing_starts_in_maintenance_nor_on_a_worker_that_is_drained_nor_before_its_time()
    {
        var run = await Database.AddRunAsync();
        await Database.ExecuteAsync("update lab set maintenance = 'new disks'");
        Assert.Null(await NextAsync());
        await Database.ExecuteAsync("update lab set maintenance = null");

        await Database.ExecuteAsync(
            """
            insert into workers (name, host, slots, queues, started_at, last_seen, draining) values ('w', 'h', 1, 'cpu', now(), now(), true)
            """);
        Assert.Null(await NextAsync());
        await Database.ExecuteAsync("update workers set draining = false");

        await Database.ExecuteAsync("update work_items set not_before = now() + interval '1 hour'");
        Assert.Null(await NextAsync());
        await Database.ExecuteAsync("update work_items set not_before = now() - interval '1 second'");
        Assert.Equal(run, await NextAsync());
    }

    [Fact]
    public async Task A_device_takes_what_fits_beside_what_runs_on_it_and_another_device_is_not_counted()
    {
        var big = await Database.AddRunAsync(memory: 6000);
        var second = await Database.AddRunAsync(memory: 6000);
        var small = await Database.AddRunAsync(memory: 2000);
        Assert.Equal(big, await NextAsync(memory: 8000));
        Assert.Equal(small, await NextAsync(memory: 8000));
        Assert.Null(await NextAsync(memory: 8000));

        Assert.Equal(second, (await Leases().ClaimAsync(["cpu"], "cuda:1", 8000))?.RunId);
    }

    [Fact]
    public async Task An_item_goes_only_to_workers_of_its_queue()
    {
        var gpu = await Database.AddRunAsync(queue: "gpu");
        Assert.Null(await NextAsync());
        Assert.Equal(gpu, await NextAsync(queues: ["cpu", "gpu"]));
    }

    [Theory]
    [InlineData("update lab set maintenance = 'new disks'", WaitCode.Maintenance, "new disks")]
    [InlineData("delete from workers", WaitCode.NoWorker, "no worker that serves the queue \"cpu\"")]
    [InlineData("update workers set draining = true", WaitCode.Draining, "being drained")]
    [InlineData(
        "update work_items set not_before = now() + interval '1 hour', reason = 'It is tried again. It died.'", WaitCode.Retry, "It died")]
    [InlineData("update lab set user_running = 1", WaitCode.UserLimit, "tester has as many items running as may run at once, which is 1")]
    [InlineData("update studies set max_running = 1", WaitCode.StudyLimit, "of its study")]
    [InlineData("select 1", WaitCode.Behind, "1 item goes before it")]
    public async Task Why_an_item_waits_is_said_as_a_code_and_in_a_sentence(string change, WaitCode code, string words)
    {
        var study = await Database.ScalarAsync<long>("insert into studies (name, created_by) values ('s', 'x') returning id");
        for (var i = 0; i < 3; i++) await Database.AddRunAsync(study: study);
        await Database.ExecuteAsync(
            "insert into workers (name, host, slots, queues, started_at, last_seen) values ('w', 'h', 1, 'cpu', now(), now())");
        await NextAsync();
        await Database.ExecuteAsync(change);

        var snapshot = await new WaitingItems(Database).ReadAsync(runs: [3], queue: null, most: 10, default);
        var why = snapshot.Why(Assert.Single(snapshot.Items), DateTimeOffset.UtcNow);

        Assert.Equal(code, why.Code);
        Assert.Contains(words, why.Words, StringComparison.Ordinal);
    }
}
