using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Trainers;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Workers;

/// <summary>What an attempt makes of the journals that the attempts before it have left.</summary>
public sealed class AdoptionTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    // Its worker was lost, and its trainer came to the end all the same. Who goes on with it stops, or dies, in the midst of reading that.
    [Theory]
    [InlineData(false)] // the second attempt was stopped before it had read anything
    [InlineData(true)] // or had stored all of it, and died before the item was told
    public async Task An_end_that_a_lost_attempt_came_to_is_not_forgotten_by_an_attempt_without_a_trainer(bool isStored)
    {
        await using var node = TrainingNode.Build(Database.ConnectionString, Folder);
        var run = await Database.AddRunAsync();
        var first = await Database.ClaimAsync(run);
        await JournalAsync(
            node, first, TrainingDatabase.StartedAt(0), TrainingDatabase.PointsAt(2, 1, 0.5), TrainingDatabase.PointsAt(3, 2, 0.5),
            new FailedEvent(2, "The loss is NaN at step 2.", FailureCause.NotFinite) { N = 4, At = DateTimeOffset.UnixEpoch });
        await Database.LoseAsync(run);
        var second = await Database.ClaimAsync(run);
        if (isStored)
        {
            Assert.Equal(Outcome.Failed, (await ExecuteAsync(node, second, default)).Outcome);
            await Database.LoseAsync(run);
        }
        else
        {
            var stopped = new CancellationToken(canceled: true);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ExecuteAsync(node, second, stopped));
            await Database.ExecuteAsync(
                """
                update attempts set ended_at = now(), outcome = 'stopped' where number = 2;
                update work_items set state = 'Queued', lease_until = null, worker = null
                """);
        }
        var third = await Database.ClaimAsync(run);

        var end = await ExecuteAsync(node, third, default);

        Assert.Equal((Outcome.Failed, "The loss is NaN at step 2."), (end.Outcome, end.Reason));
        Assert.Equal(2, await Database.ScalarAsync<long>("select last_seq from runs"));
    }

    // What was told once is over: who queues the run again, or gives it more memory, means another try.
    [Theory]
    [InlineData(FailureCause.DiskFull)]
    [InlineData(FailureCause.OutOfMemory)]
    public async Task An_end_that_was_told_is_not_told_again(FailureCause cause)
    {
        await using var node = TrainingNode.Build(Database.ConnectionString, Folder);
        var leases = node.Services.GetRequiredService<Leases>();
        var run = await Database.AddRunAsync();
        var first = await Database.ClaimAsync(run);
        await JournalAsync(
            node, first, TrainingDatabase.StartedAt(0), TrainingDatabase.PointsAt(2, 1, 0.5),
            new FailedEvent(1, "It could not go on.", cause) { N = 3, At = DateTimeOffset.UnixEpoch });
        await Database.LoseAsync(run);
        var second = await Database.ClaimAsync(run);
        var told = await ExecuteAsync(node, second, default);
        Assert.Equal("It could not go on.", told.Reason);
        await leases.EndAsync(second, told, default);
        if (cause == FailureCause.DiskFull)
            Assert.True((await node.Actions.ActAsync(ItemAction.Requeue, run, TrainingNode.Owner, default)).Done);
        await Database.ExecuteAsync("update work_items set not_before = null");
        var third = await Database.ClaimAsync(run);

        Assert.Equal(Outcome.Succeeded, (await ExecuteAsync(node, third, default)).Outcome);
    }

    private static Task<AttemptEnd> ExecuteAsync(TrainingNode node, Assignment assignment, CancellationToken stop)
        => node.Services.GetServices<IWorkExecution>().Single(kind => kind.Kind == WorkKind.Run)
            .ExecuteAsync(assignment, "cpu", new(default, stop, default));

    private static async Task JournalAsync(TrainingNode node, Assignment attempt, params TrainingEvent[] told)
    {
        var path = AttemptFolder.JournalOf(node.Services.GetRequiredService<RunFolders>(), attempt, attempt.Attempt);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllLinesAsync(path, told.Select(TrainingEvents.Line));
    }
}
