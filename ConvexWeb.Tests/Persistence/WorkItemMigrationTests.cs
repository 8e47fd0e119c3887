using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Persistence;

/// <summary>Runs and certificates of the version before work items.</summary>
public sealed class WorkItemMigrationTests(PostgresCluster cluster) : DatabaseTest(cluster, migrated: false)
{
    [Fact]
    public async Task Runs_and_certificates_become_items_in_their_order_with_their_states_attempts_and_leases()
    {
        var old = Migration.Embedded.TakeWhile(migration => migration.Name != "0010_work_items").ToList();
        await new Migrator(Database, old).ApplyAsync();
        foreach (var (state, priority, attempt) in new[]
                 {
                     ("Queued", 1, 0), ("Queued", 4, 1), ("Running", 5, 2), ("Succeeded", 7, 1), ("Failed", 9, 3), ("Cancelled", 5, 0),
                 })
        {
            await Database.AddOldRunAsync(state, priority, attempt);
        }
        await Database.ScalarAsync<int>(
            """
            insert into attempts (run_id, number, worker, lease_until, ended_at, outcome)
            values (3, 1, 'a', now(), now(), 'lost'), (3, 2, 'b', '2026-02-03', null, null);
            update runs set cancel_requested_at = now() where id = 3;
            insert into certificates (run_id, attempt, kind, step, sha256, pairs, state, claim, worker, requested_by, requested_at, error)
            values (4, 1, 'last', 20, 'x', 50, 'done', 1, 'a', 'ada', '2026-01-02', null),
                (4, 1, 'last', 20, 'y', 50, 'failed', 2, 'a', 'automatic', '2026-01-03', 'It was cancelled by ada.'),
                (4, 1, 'best', 20, 'z', 50, 'running', 1, 'a', 'ada', '2026-01-04', null)
            returning 1
            """);

        await new Migrator(Database).ApplyAsync();

        Assert.Equal(
            [
                "run 1 Queued 1 0", "run 2 Queued 2 1", "run 3 Running 3 2 cancel b", "run 4 Succeeded 4 1", "run 5 Failed 4 3",
                "run 6 Cancelled 3 0", "certificate 4 Succeeded 3 1 a", "certificate 4 Cancelled 1 2 a", "certificate 4 Queued 3 1 a",
            ],
            await Database.RowsAsync<string>(
                "select concat_ws(' ', kind, run_id, state, priority, attempt, wish, worker) from work_items order by id"));
        Assert.Equal(
            [("z", "Queued"), ("y", "Cancelled"), ("x", "Succeeded")],
            await Database.RowsAsync<(string, string)>(
                "select c.sha256, i.state from certificates c join work_items i on i.id = c.item_id order by i.created_at desc"));
        Assert.Equal(
            [(3L, 1, "a"), (3, 2, "b")],
            await Database.RowsAsync<(long, int, string)>(
                "select i.run_id, a.number, a.worker from attempts a join work_items i on i.id = a.item_id order by a.number"));
        Assert.True(await Database.ScalarAsync<bool>("select lease_until = '2026-02-03' from work_items where run_id = 3"));
    }
}
