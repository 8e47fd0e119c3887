using System.Text.Json;
using ConvexWeb.Server;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConvexWeb.Tests.Workers;

/// <summary>Which process may have a worker's name.</summary>
public sealed class WorkerNameTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    // No process has this id.
    private const int Dead = int.MaxValue;

    [Fact]
    public async Task The_name_of_a_process_that_has_ended_here_is_free_at_once()
    {
        await AddAsync(Machine.Place, "1 hour");

        var name = Name();
        await name.TakeAsync();

        Assert.Equal(name.Instance, await Database.ScalarAsync<string?>("select instance from workers"));
    }

    [Fact]
    public async Task The_name_of_one_elsewhere_is_free_when_it_has_been_silent_for_long_enough()
    {
        await AddAsync("elsewhere", $"{1 - WorkerHeartbeat.Silence.TotalSeconds} seconds");

        var name = Name();
        await name.TakeAsync();

        Assert.Equal(name.Instance, await Database.ScalarAsync<string?>("select instance from workers"));
    }

    [Fact]
    public async Task Of_two_that_start_at_the_same_moment_one_gets_it()
    {
        WorkerName[] names = [Name(), Name()];

        var taking = names.Select(name => name.TakeAsync()).ToArray();
        var first = await Task.WhenAny(taking);
        await Task.Delay(500);
        await Database.ExecuteAsync("update workers set last_seen = now()"); // its heartbeat

        Assert.Equal(names[Array.IndexOf(taking, first)].Instance, await Database.ScalarAsync<string?>("select instance from workers"));
        await Assert.ThrowsAsync<StartException>(() => taking.Single(other => other != first));
    }

    [Fact]
    public async Task The_name_of_one_elsewhere_that_is_heard_of_is_not()
    {
        await AddAsync("elsewhere", "0 seconds");
        var taking = Name().TakeAsync();

        while (!taking.IsCompleted)
        {
            await Database.ExecuteAsync("update workers set last_seen = now()");
            await Task.Delay(50);
        }

        var refused = await Assert.ThrowsAsync<StartException>(() => taking);
        Assert.Contains("A worker named w is at work already, on h.", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("kind", "slow")]
    public async Task A_worker_whose_name_was_taken_while_it_was_silent_takes_nothing_and_does_not_sign_the_other_off()
    {
        await using (var node = await StartNodeAsync())
        {
            await Database.UntilAsync("select exists (select from workers)");
            var standing = node.Services.GetRequiredService<WorkerStanding>();

            await Database.ExecuteAsync("update workers set instance = 'another', last_seen = now() + interval '1 hour'");
            while (standing.TakesWork) await Task.Delay(50);
            Assert.StartsWith("Another process has the worker's name worker-1 now.", standing.Refused, StringComparison.Ordinal);

            await Database.ExecuteAsync("update workers set instance = null");
            while (!standing.TakesWork) await Task.Delay(50);
            await Database.ExecuteAsync("update workers set instance = 'another', last_seen = now() + interval '1 hour'");
        }
        Assert.Equal("another", await Database.ScalarAsync<string>("select instance from workers"));
    }

    private WorkerName Name() => new(
        Database, new WorkerSettings { Name = "w" }, new DatabaseRetry(TimeProvider.System, NullLogger<DatabaseRetry>.Instance),
        TimeProvider.System);

    /// <param name="seen">When it was heard of, from now.</param>
    private Task AddAsync(string place, string seen) => Database.ExecuteAsync(
        """
        insert into workers (name, host, instance, slots, queues, started_at, last_seen)
        values ('w', 'h', @instance, 1, 'cpu', now(), now() + @seen::interval)
        """,
        new { instance = JsonSerializer.Serialize(new { Place = place, Process = Dead, Started = 1L, Node = Guid.Empty }), seen });
}
