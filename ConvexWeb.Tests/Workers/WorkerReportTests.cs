using System.Security.Claims;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Workers;
using ConvexWeb.Tests.Support;
using Dapper;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ConvexWeb.Tests.Workers;

/// <summary>What workers report, who lets them take work, and what becomes of one whose version is not the server's.</summary>
public sealed class WorkerReportTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    [Fact]
    public async Task A_worker_shows_its_host_and_stores_samples()
    {
        await using var node = await StartNodeAsync(("Convex:Worker:DeviceMemory", "cpu=1234"));
        await Database.UntilAsync("select exists (select from worker_samples)");

        var worker = Assert.Single(await Workers().ListAsync());
        Assert.Equal((ProductVersion.Text, Environment.ProcessorCount), (worker.Version, worker.Cores));
        Assert.StartsWith("10.", worker.DotNet, StringComparison.Ordinal);
        Assert.Equal(Machine.Id, await Database.ScalarAsync<string>("select machine from workers"));
        var device = Assert.Single(worker.Devices);
        Assert.Equal(("cpu", 1234), (device.Name, device.MemoryTotalMb));
        Assert.True(device.MemoryUsedMb > 0);

        var sample = (await Workers().SamplesAsync("worker-1", null))![0];
        Assert.Equal(("cpu", 1234), (sample.Device, sample.MemoryTotalMb));
        Assert.Equal(TimeSpan.Zero, sample.At.Offset);
        Assert.Null(await Workers().SamplesAsync("nobody", null));
    }

    [Fact]
    public async Task Samples_of_a_long_time_are_thinned_and_those_of_a_short_one_are_whole()
    {
        // A week, every ten seconds.
        await Database.ScalarAsync<int>(
            """
            with made as (
                insert into worker_samples (worker, at, device, utilisation, memory_used_mb)
                select 'w', now() - n * interval '10 s', d, n % 100, n from generate_series(1, 60480) n, unnest(array['cpu', 'cuda:0']) d
                returning 1)
            select 1
            """);

        var week = (await Workers().SamplesAsync("w", DateTimeOffset.UtcNow.AddDays(-30)))!;
        var hour = (await Workers().SamplesAsync("w", null))!;

        Assert.InRange(week.Count, 2 * (StoredWorkers.MostSamples - 2), 2 * StoredWorkers.MostSamples);
        Assert.InRange(hour.Count, 2 * 358, 2 * 360);
        Assert.Equal(week.Select(sample => sample.At).Order(), week.Select(sample => sample.At));
        Assert.InRange(week.Average(sample => sample.Utilisation!.Value), 48, 51);
        Assert.Empty((await Workers().SamplesAsync("w", DateTimeOffset.UtcNow.AddHours(1)))!);
    }

    [Fact]
    public async Task Samples_are_stored_with_what_is_known_of_each_device()
    {
        var samples = new WorkerSamples(Database, new WorkerSettings { Name = "w" });
        var gpu = new DeviceReport("cuda:0", "H200", 1000, 500, 50, 60, 700);

        await samples.StoreAsync([gpu, new DeviceReport("cpu", null, null, null, null, null, null)]);

        Assert.Equal(
            [("cpu", null), ("cuda:0", 60f)],
            await Database.RowsAsync<(string, float?)>("select device, temperature from worker_samples order by device"));
    }

    [Fact]
    public async Task One_that_is_drained_stays_so_over_a_restart_and_only_administrators_drain()
    {
        await Assert.ThrowsAsync<AccessDeniedException>(() => Workers().DrainAsync("worker-1", true));
        await using (var node = await StartNodeAsync())
        {
            await Database.UntilAsync("select exists (select from workers)");
            Assert.True(await Workers(Roles.Admin).DrainAsync("worker-1", true));
            Assert.False(await Workers(Roles.Admin).DrainAsync("nobody", true));
        }
        Assert.True(Assert.Single(await Workers().ListAsync()).Draining);
        await Database.ScalarAsync<int>("update workers set last_seen = now() - interval '30 days' returning 1");

        await using (var again = await StartNodeAsync())
        {
            await Database.UntilAsync("select last_seen > now() - interval '1 minute' from workers");
            Assert.True(Assert.Single(await Workers().ListAsync()).Draining);
            await Workers(Roles.Admin).DrainAsync("worker-1", false);
        }
        Assert.Empty(await Workers().ListAsync());
    }

    [Fact]
    public async Task One_whose_server_was_upgraded_takes_nothing_until_they_are_of_one_version_again()
    {
        await using var node = await StartNodeAsync();
        var standing = node.Services.GetRequiredService<WorkerStanding>();
        await Database.UntilAsync("select exists (select from workers)");
        Assert.True(standing.TakesWork);

        await Serve("99.0.0");
        await Database.UntilAsync("select refused is not null from workers");

        Assert.False(standing.TakesWork);
        var refused = Assert.Single(await Workers().ListAsync()).Refused!;
        Assert.Contains("99.0.0", refused, StringComparison.Ordinal);
        Assert.Contains(ProductVersion.Text, refused, StringComparison.Ordinal);

        await Serve(ProductVersion.Text);
        await Database.UntilAsync("select refused is null from workers");
        Assert.True(standing.TakesWork);
    }

    [Fact]
    public async Task One_of_another_version_does_not_start_and_says_what_to_do()
    {
        await DatabaseVersion.CheckAsync(Database, default); // none is written
        await DatabaseVersion.WriteAsync(Database, default);
        await DatabaseVersion.CheckAsync(Database, default);
        await Serve("0.0.1");

        var problem = await Assert.ThrowsAsync<StartException>(() => DatabaseVersion.CheckAsync(Database, default));
        Assert.Contains($"version {ProductVersion.Text}", problem.Message, StringComparison.Ordinal);
        Assert.Contains("Install 0.0.1", problem.Message, StringComparison.Ordinal);

        await using var worker = WorkerProcess.Start(ConnectionString, Folder, "other");
        Assert.Equal(1, await worker.ExitedAsync());
        Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from workers"));
    }

    [Fact]
    public async Task An_empty_database_is_anyones()
    {
        var empty = await cluster.CreateDatabaseAsync(migrated: false);
        await using (var source = NpgsqlDataSource.Create(empty)) await DatabaseVersion.CheckAsync(source, default);
        await cluster.DropDatabaseAsync(empty);
    }

    private readonly PostgresCluster cluster = cluster;

    private async Task Serve(string version)
    {
        await using var connection = await Database.OpenConnectionAsync();
        await connection.ExecuteAsync("update this_database set product_version = @version", new { version });
    }

    private StoredWorkers Workers(string role = "user")
    {
        var caller = new Caller();
        caller.Use(new ClaimsPrincipal(new ClaimsIdentity([new(ClaimTypes.Name, "ada"), new(ClaimTypes.Role, role)], "test")));
        return new StoredWorkers(Database, caller, new(Database, TimeProvider.System));
    }
}
