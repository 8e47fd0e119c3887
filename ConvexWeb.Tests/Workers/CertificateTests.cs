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
        Assert.Equal(CertificateState.Queued, (await node.RequestAsync(run))!.State);

        var certificate = await EndAsync(run);

        Assert.Equal(
            (CertificateState.Done, Verdict.Convex, "worker-1"),
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
        Assert.Equal(CertificateState.Failed, certificate.State);
        Assert.Contains(error, certificate.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Runs_that_wait_go_first()
    {
        await using (var web = await StartNodeAsync(("Convex:Role", "web")))
        {
            await web.RequestAsync(await StoreAsync("fine"));
            await web.SubmitAsync(3, """{"steps":1}""", priority: 1);
        }
        await using var worker = await StartNodeAsync();

        await Database.UntilAsync("select count(*) = 1 from certificates where state = 'done'");
        Assert.True(await Database.ScalarAsync<bool>(
            "select (select started_at from certificates) >= max(ended_at) and count(*) = 3 from attempts"));
    }

    [Fact]
    public async Task A_worker_that_is_killed_in_it_is_replaced_and_it_is_made_anew()
    {
        var go = Path.Combine(Folder, "go");
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var first = WorkerProcess.Start(ConnectionString, Folder, "first");
        var run = await StoreAsync($"wait {go}");
        await web.RequestAsync(run);
        await Database.UntilAsync("select state = 'running' from certificates");

        await first.KillAsync();
        await using var second = WorkerProcess.Start(ConnectionString, Folder, "second");
        await Database.UntilAsync("select worker = 'second' and deaths = 1 from certificates");
        await File.WriteAllTextAsync(go, "");

        var certificate = await EndAsync(run);
        Assert.Equal((CertificateState.Done, "second"), (certificate.State, certificate.Worker));
    }

    [Fact]
    public async Task One_that_is_cancelled_ends_its_process_and_frees_the_slot()
    {
        await using var node = await StartNodeAsync();
        var run = await StoreAsync("wait /nowhere");
        await node.RequestAsync(run);
        await Database.UntilAsync("select state = 'running' from certificates");
        Assert.Equal([run], Assert.Single(await WorkersAsync()).Certificates);

        Assert.True((await node.Certificates.CancelAsync(run)).Done);

        // The only slot is free again when the next one can be made.
        var next = await StoreAsync("fine");
        await node.RequestAsync(next);
        Assert.Equal(CertificateState.Done, (await EndAsync(next)).State);
        var cancelled = (await node.Certificates.LatestAsync(run))!;
        Assert.Equal(CertificateState.Failed, cancelled.State);
        Assert.StartsWith("It was cancelled by", cancelled.Error, StringComparison.Ordinal);
        Assert.Empty(Assert.Single(await WorkersAsync()).Certificates);
    }

    private Task<IReadOnlyList<WorkerView>> WorkersAsync()
    {
        var caller = new Caller();
        caller.Use(new ClaimsPrincipal(new ClaimsIdentity("test")));
        return new StoredWorkers(Database, caller).ListAsync();
    }

    [Fact]
    public async Task A_node_that_is_shut_down_hands_it_to_the_next()
    {
        var go = Path.Combine(Folder, "go");
        var run = await StoreAsync($"wait {go}");
        await using (var node = await StartNodeAsync())
        {
            await node.RequestAsync(run);
            await Database.UntilAsync("select state = 'running' from certificates");
        }
        Assert.Equal("queued", await Database.ScalarAsync<string>("select state from certificates"));

        await File.WriteAllTextAsync(go, "");
        await using var next = await StartNodeAsync(("Convex:Worker:Name", "next"));
        Assert.Equal(CertificateState.Done, (await EndAsync(run)).State);
        Assert.Equal((2, 0), (await Database.RowsAsync<(int, int)>("select claim, deaths from certificates")).Single());
    }

    [Fact]
    public async Task What_a_worker_writes_that_was_replaced_is_refused_and_three_deaths_end_it()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        var run = await StoreAsync("fine");
        var id = (await web.RequestAsync(run))!.Id;
        CertificateClaims Claims(double lease) => new(Database, new WorkerSettings { Lease = TimeSpan.FromSeconds(lease) });
        var claims = Claims(60);
        var first = (await Claims(-1).ClaimAsync(["cpu"], default))!;
        Assert.Equal(id, first.Id);
        var second = (await Claims(-1).ClaimAsync(["cpu"], default))!;

        Assert.False(await claims.EndAsync(first, "{}", null, default));
        Assert.False(await claims.HandBackAsync(first, default));
        Assert.False(await claims.RenewAsync(first, default));
        Assert.NotNull(await Claims(-1).ClaimAsync(["cpu"], default));
        Assert.False(await claims.EndAsync(second, null, "no", default));
        Assert.Null(await claims.ClaimAsync(["cpu"], default));

        Assert.Contains("3 workers died", (await EndAsync(run)).Error, StringComparison.Ordinal);
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

        var sweep = node.Services.GetServices<IHostedService>().OfType<CertificateSweep>().Single();
        for (var pass = 0; pass < 3; pass++) await sweep.PassAsync(default);

        Assert.Equal(expected, await Database.ScalarAsync<long>("select count(*) from certificates"));
        if (expected == 0) return;
        var certificate = await EndAsync(run);
        Assert.Equal(
            (CertificateState.Done, "last", 10L, 2000, "automatic"),
            (certificate.State, certificate.Checkpoint, certificate.Step, certificate.Pairs, certificate.RequestedBy));
    }

    [Fact]
    public async Task One_that_was_stored_and_not_announced_is_made_all_the_same()
    {
        await using var node = await StartNodeAsync();
        var run = await StoreAsync("fine");
        await Database.ScalarAsync<int>(
            """
            insert into certificates (run_id, attempt, kind, step, sha256, pairs, requested_by)
            values (@run, 1, 'last', 10, 'sha', 50, 'tester') returning 1
            """, new { run });
        Assert.Equal(CertificateState.Done, (await EndAsync(run)).State);
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
            update runs set state = 'Succeeded' where id = @run;
            insert into checkpoints (run_id, attempt, kind, step, bytes, sha256) values (@run, 1, 'last', 10, 1, 'sha')
            """, new { run });
        return run;
    }

    private async Task<CertificateView> EndAsync(long run)
    {
        await Database.UntilAsync("select state in ('done', 'failed') from certificates where run_id = @run", new { run });
        await using var connection = await Database.OpenConnectionAsync();
        return (await CertificateRows.LatestAsync(connection, run, default))!;
    }
}
