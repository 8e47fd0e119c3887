using System.Security.Claims;
using System.Security.Cryptography;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Certificates;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Workers;
using ConvexWeb.Tests.Support;
using Dapper;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ConvexWeb.Tests.Workers;

/// <summary>
/// How certificates are made by the workers of the queue; with a scripted trainer, whose answer depends on what is in the
/// checkpoint.
/// </summary>
public sealed class CertificateTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    [Fact]
    public async Task It_is_made_of_a_copy_of_the_file_and_says_of_which()
    {
        await using var node = await StartNodeAsync();
        var run = await StoreAsync("fine");
        Assert.NotNull(await node.RequestAsync(run));

        var certificate = await EndAsync(run);

        Assert.Equal(
            (RunState.Succeeded, Verdict.Convex, "worker-1"),
            (certificate.State, certificate.Result!.Verdict, certificate.Worker));
        Assert.Contains(
            $"checkpoint.safetensors --json --stop-on-eof --pairs 50 --threads 2 --data {Path.Combine(Folder, "datasets")}",
            certificate.Result.Sentence, StringComparison.Ordinal);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData("fine\n"u8)), certificate.Sha256);
        Assert.Empty(Directory.GetDirectories(Path.Combine(Folder, "certificates")));
        await Database.UntilAsync("select count(*) = 0 from hangfire.jobqueue");
    }

    [Fact]
    public async Task A_twins_checkpoint_goes_with_it()
    {
        await using var node = await StartNodeAsync();
        var (run, twin) = (await StoreAsync("fine"), await StoreAsync("fine"));

        await node.RequestAsync(run, twin);

        Assert.Contains("--twin ", (await EndAsync(run)).Result!.Sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("refuse", "There is no data set of that name.")]
    [InlineData("die", "signal 9")]
    [InlineData("chatter", "no certificate")]
    [InlineData(null, "its file is not in the data folder of this node")]
    [InlineData("wait /nowhere", "not done after")]
    public async Task What_goes_wrong_is_told(string? checkpoint, string error)
    {
        await using var node = await StartNodeAsync(("Convex:Worker:CertificateLimit", "00:00:01"));
        var run = await StoreAsync(checkpoint);

        await node.RequestAsync(run);

        var certificate = await EndAsync(run);
        Assert.Equal(RunState.Failed, certificate.State);
        Assert.Contains(error, certificate.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_a_person_asked_for_goes_as_a_run_of_that_person_would_and_automatic_ones_behind_all()
    {
        await using (var web = await StartNodeAsync(("Convex:Role", "web")))
        {
            var certified = await StoreAsync("fine");
            await Database.ScalarAsync<int>("update runs set convexity = 'exp_eps' returning 1");
            await Database.ScalarAsync<int>("update work_items set finished_at = now() returning 1");
            await Sweep(web).PassAsync(default);
            await web.SubmitAsync(2, """{"steps":1}""");
            await web.RequestAsync(certified);
        }
        await using var worker = await StartNodeAsync();

        await Database.UntilAsync("select count(*) = 5 from work_items where state = 'Succeeded'");
        Assert.Equal(
            [("run", "tester"), ("run", "tester"), ("certificate", "tester"), ("certificate", "automatic")],
            await Database.RowsAsync<(string, string)>(
                """
                select i.kind, case when i.automatic then 'automatic' else i.created_by end
                from attempts a join work_items i on i.id = a.item_id order by a.started_at
                """));
    }

    // Who asks is served with his own share, and the owner of the run can read whose it is now.
    [Fact]
    public async Task An_automatic_one_that_somebody_else_asks_for_is_that_persons_and_this_is_noted()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        var run = await StoreAsync("fine");
        await Database.ExecuteAsync(
            "update runs set convexity = 'exp_eps'; update work_items set finished_at = now(), created_by = 'eve'");
        await Sweep(web).PassAsync(default);
        await Database.ExecuteAsync("update certificates set pairs = 50"); // the number that is asked for below

        await web.RequestAsync(run);

        Assert.Equal(
            [("tester", false, (int)Priority.Normal)],
            await Database.RowsAsync<(string, bool, int)>(
                "select created_by, automatic, priority::int from work_items where kind = 'certificate'"));
        Assert.Equal(
            [($"certificate {run} of eve", "asked for")],
            await Database.RowsAsync<(string, string)>(
                "select subject, detail from audit_entries where action = 'RunOfAnother' and actor = 'tester'"));

        // Who takes it does not take it away: when it is cancelled, the run's creator has one again.
        Assert.True((await web.Certificates.CancelAsync(run)).Done);
        await Sweep(web).PassAsync(default);
        await Sweep(web).PassAsync(default);
        Assert.Equal(
            [("tester", false, "Cancelled"), ("eve", true, "Queued")],
            await Database.RowsAsync<(string, bool, string)>(
                "select created_by, automatic, state from work_items where kind = 'certificate' order by id"));
    }

    [Fact]
    public async Task An_automatic_one_is_its_runs_creators_and_not_among_those_that_the_creator_has_waiting()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        var runs = new List<long>();
        for (var i = 0; i < 3; i++) runs.Add(await StoreAsync("fine"));
        await Database.ExecuteAsync(
            """
            update runs set convexity = 'exp_eps';
            update work_items set finished_at = now();
            update work_items set created_by = 'eve' where run_id = @run;
            update lab set user_waiting = 1
            """, new { run = runs[2] });

        await Sweep(web).PassAsync(default);
        await Sweep(web).PassAsync(default);

        Assert.Equal(
            [("tester", true), ("tester", true), ("eve", true)],
            await Database.RowsAsync<(string, bool)>(
                "select created_by, automatic from work_items where kind = 'certificate' order by run_id"));
        Assert.Equal("automatic", (await web.Certificates.LatestAsync(runs[0]))!.RequestedBy);

        // A user who asks for another number of pairs may have one waiting. The own one is what is cancelled, though another was asked for
        // later.
        Assert.Equal("tester", (await web.RequestAsync(runs[2]))!.RequestedBy);
        await Assert.ThrowsAsync<InvalidInputException>(() => web.RequestAsync(runs[1]));
        await Database.ExecuteAsync("update certificates set asked_at = now() + interval '1 minute' where pairs <> 50");
        Assert.True((await web.Certificates.CancelAsync(runs[2])).Done);
        Assert.Equal(
            ["Cancelled tester", "Queued eve"],
            await Database.RowsAsync<string>(
                """
                select concat_ws(' ', state, created_by) from work_items where kind = 'certificate' and run_id = @run order by 1
                """, new { run = runs[2] }));
    }

    private static CertificateSweep Sweep(TrainingNode node)
        => node.Services.GetServices<IHostedService>().OfType<CertificateSweep>().Single();

    [Fact]
    public async Task A_worker_that_is_killed_in_it_is_replaced_and_it_is_made_anew()
    {
        var go = Path.Combine(Folder, "go");
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var first = WorkerProcess.Start(ConnectionString, Folder, "first");
        var run = await StoreAsync($"wait {go}");
        await web.RequestAsync(run);
        await Database.UntilAsync("select state = 'Running' from work_items where kind = 'certificate'");

        await first.KillAsync();
        await using var second = WorkerProcess.Start(ConnectionString, Folder, "second");
        await Database.UntilAsync("select worker = 'second' and deaths = 1 from work_items where kind = 'certificate'");
        await File.WriteAllTextAsync(go, "");

        var certificate = await EndAsync(run);
        Assert.Equal((RunState.Succeeded, "second"), (certificate.State, certificate.Worker));
    }

    [Fact]
    public async Task One_that_is_cancelled_ends_its_process_and_frees_the_slot()
    {
        await using var node = await StartNodeAsync();
        var run = await StoreAsync("wait /nowhere");
        await node.RequestAsync(run);
        await Database.UntilAsync("select state = 'Running' from work_items where kind = 'certificate'");
        Assert.Equal([run], Assert.Single(await WorkersAsync()).Certificates);

        Assert.True((await node.Certificates.CancelAsync(run)).Done);

        // The only slot is free again when the next one can be made.
        var next = await StoreAsync("fine");
        await node.RequestAsync(next);
        Assert.Equal(RunState.Succeeded, (await EndAsync(next)).State);
        var cancelled = (await node.Certificates.LatestAsync(run))!;
        Assert.Equal(RunState.Cancelled, cancelled.State);
        Assert.StartsWith("Cancelled by", cancelled.Reason, StringComparison.Ordinal);
        Assert.Empty(Assert.Single(await WorkersAsync()).Certificates);
    }

    private Task<IReadOnlyList<WorkerView>> WorkersAsync()
    {
        var caller = new Caller();
        caller.Use(new ClaimsPrincipal(new ClaimsIdentity("test")));
        return new StoredWorkers(Database, caller, new(Database, TimeProvider.System)).ListAsync();
    }

    [Fact]
    public async Task A_node_that_is_shut_down_hands_it_to_the_next()
    {
        var go = Path.Combine(Folder, "go");
        var run = await StoreAsync($"wait {go}");
        await using (var node = await StartNodeAsync())
        {
            await node.RequestAsync(run);
            await Database.UntilAsync("select state = 'Running' from work_items where kind = 'certificate'");
        }
        Assert.Equal("Queued", await Database.ScalarAsync<string>("select state from work_items where kind = 'certificate'"));

        await File.WriteAllTextAsync(go, "");
        await using var next = await StartNodeAsync(("Convex:Worker:Name", "next"));
        Assert.Equal(RunState.Succeeded, (await EndAsync(run)).State);
        Assert.Equal((2, 0), (
            await Database.RowsAsync<(int, int)>("select attempt, deaths from work_items where kind = 'certificate'")).Single());
    }

    [Fact]
    public async Task What_a_worker_stores_that_was_replaced_is_refused()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        var run = await StoreAsync("fine");
        await web.RequestAsync(run);
        Task<Assignment?> ClaimAsync(double lease)
            => new Leases(Database, new WorkerSettings { Lease = TimeSpan.FromSeconds(lease) }).ClaimAsync(["cpu"]);
        var first = (await ClaimAsync(-1))!;
        await Database.ScalarAsync<string>(Leases.Release("true"));
        var second = (await ClaimAsync(60))!;
        var tasks = new CertificateTasks(Database);

        Assert.False(await tasks.StoreAsync(first, "{}", default));
        Assert.Null(await Database.ScalarAsync<string?>("select result::text from certificates"));
        Assert.True(await tasks.StoreAsync(second, "{}", default));
        Assert.Equal("{}", await Database.ScalarAsync<string?>("select result::text from certificates"));
    }

    [Theory]
    [InlineData("exp_eps", true, 1)]
    [InlineData("none", true, 0)]
    [InlineData("exp_eps", false, 0)]
    public async Task A_run_with_a_constraint_that_has_succeeded_gets_one_by_itself(string constraint, bool wanted, int expected)
    {
        await using var node = await StartNodeAsync(("Convex:CertifyRuns", $"{wanted}"));
        var run = await node.SubmitAsync("""{"steps":10,"every":5,"pause":0.02}""");
        await Database.ScalarAsync<int>("update runs set convexity = @constraint returning 1", new { constraint });
        await Database.UntilAsync(run, RunState.Succeeded);

        for (var pass = 0; pass < 3; pass++) await Sweep(node).PassAsync(default);

        Assert.Equal(expected, await Database.ScalarAsync<long>("select count(*) from certificates"));
        if (expected == 0) return;
        var certificate = await EndAsync(run);
        Assert.Equal(
            (RunState.Succeeded, "last", 10L, 2000, "automatic"),
            (certificate.State, certificate.Checkpoint, certificate.Step, certificate.Pairs, certificate.RequestedBy));
    }

    [Fact]
    public async Task One_that_was_stored_and_not_announced_is_made_all_the_same()
    {
        await using var node = await StartNodeAsync();
        var run = await StoreAsync("fine");
        await Database.ScalarAsync<int>(
            """
            with item as (
                insert into work_items (kind, run_id, study_id, created_by, queue)
                select 'certificate', id, study_id, 'tester', 'cpu' from runs where id = @run returning id)
            insert into certificates (item_id, run_id, attempt, kind, step, sha256, pairs)
            select id, @run, 1, 'last', 10, 'sha', 50 from item returning 1
            """, new { run });
        Assert.Equal(RunState.Succeeded, (await EndAsync(run)).State);
    }

    /// <summary>A run with a checkpoint of these words; null leaves the file out.</summary>
    private async Task<long> StoreAsync(string? checkpoint)
    {
        var run = await Database.AddRunAsync();
        var database = await Database.ScalarAsync<Guid>("select id from this_database");
        var folder = Directory.CreateDirectory(Path.Combine(Folder, "runs", $"{database}", $"{run}", "1"));
        if (checkpoint is not null) await File.WriteAllTextAsync(Path.Combine(folder.FullName, "last.safetensors"), checkpoint + "\n");
        await using var connection = await Database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            update work_items set state = 'Succeeded' where kind = 'run' and run_id = @run;
            insert into checkpoints (run_id, attempt, kind, step, bytes, sha256) values (@run, 1, 'last', 10, 1, 'sha')
            """, new { run });
        return run;
    }

    private async Task<CertificateView> EndAsync(long run)
    {
        await Database.UntilAsync(
            """
            select i.state in ('Succeeded', 'Failed', 'Cancelled') from certificates c join work_items i on i.id = c.item_id
            where c.run_id = @run order by c.asked_at desc limit 1
            """, new { run });
        await using var connection = await Database.OpenConnectionAsync();
        return (await CertificateRows.LatestAsync(connection, new(Database), DateTimeOffset.UtcNow, run, default))!;
    }
}
