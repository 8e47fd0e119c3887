using System.Security.Claims;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Workers;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Workers;

public sealed class WorkerListTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    [Fact]
    public async Task Workers_are_listed_with_what_they_train_and_a_silent_one_is_told_from_the_others()
    {
        var caller = new Caller();
        caller.Use(new ClaimsPrincipal(new ClaimsIdentity("test")));
        var list = new StoredWorkers(Database, caller, new(Database, TimeProvider.System));
        await Database.ScalarAsync<int>(
            """
            insert into workers (name, host, slots, queues, started_at, last_seen)
            values ('silent', 'h', 1, 'gpu', now(), now() - interval '1 minute') returning 1
            """);
        await using (var node = await StartNodeAsync())
        {
            var run = await node.SubmitAsync("""{"steps":100000}""");
            await Database.UntilAsync("select step > 0 from runs");
            var workers = await list.ListAsync();

            Assert.Equal([("silent", false), ("worker-1", true)], workers.Select(worker => (worker.Name, worker.Alive)));
            Assert.Equal((1, "cpu, worker-1"), (workers[1].Slots, workers[1].Queues));
            Assert.Equal([run], workers[1].Runs);
        }
        Assert.Equal("silent", Assert.Single(await list.ListAsync()).Name);
    }

    [Fact]
    public async Task Nobody_sees_them_without_signing_in() =>
        await Assert.ThrowsAsync<AccessDeniedException>(
            () => new StoredWorkers(Database, new Caller(), new(Database, TimeProvider.System)).ListAsync());
}
