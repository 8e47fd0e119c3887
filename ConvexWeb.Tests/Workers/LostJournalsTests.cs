using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Runs;
using ConvexWeb.Server.Trainers;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Workers;

/// <summary>What was left in the journals of a run that has ended without anybody to read them.</summary>
public sealed class LostJournalsTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private const string Points =
        """{"n":NUMBER,"at":"2026-01-01T00:00:00Z","type":"points","step":NUMBER,"epoch":0.5,"values":{"train/loss_running":NUMBER.25}}""";

    private const string Started =
        """
        {"n":1,"at":"2026-01-01T00:00:00Z","type":"started","step":0,"resumed":false,"device":"cpu","threads":1,"parameters":1,
        "steps_per_epoch":5,"total_steps":20}
        """;

    private const string Stopped = """{"n":NUMBER,"at":"2026-01-01T00:00:00Z","type":"stopped","step":3}""";

    [Fact]
    public async Task Also_that_of_an_attempt_before_the_last_is_stored_and_no_folder_that_is_missing_keeps_others_waiting()
    {
        await using var node = TrainingNode.Build(Database.ConnectionString, Folder);
        for (var i = 0; i < 3; i++) await CancelledAsync(await Database.AddRunAsync()); // without a folder
        var run = await Database.AddRunAsync();
        await CancelledAsync(run, attempts: 2);
        await JournalAsync(run, Points, Points, Points, Stopped);

        await node.Services.GetRequiredService<LostJournals>().PassAsync(TimeSpan.Zero, default);

        await Database.AssertWholeAsync(run, 3);
        Assert.Equal(
            [(1, true), (2, false)],
            await Database.RowsAsync<(int, bool)>(
                "select a.number, a.journal_stored from attempts a join work_items i on i.id = a.item_id where i.run_id = @run order by 1",
                new { run }));
        Assert.Equal("Cancelled", await Database.StateAsync(run));
    }

    [Fact]
    public async Task One_without_an_end_is_read_again_because_its_trainer_may_live()
    {
        await using var node = TrainingNode.Build(Database.ConnectionString, Folder);
        var run = await Database.AddRunAsync();
        await CancelledAsync(run);
        await JournalAsync(run, Points, Points);
        var journals = node.Services.GetRequiredService<LostJournals>();
        await journals.PassAsync(TimeSpan.Zero, default);
        await Database.AssertWholeAsync(run, 2);
        Assert.False(await Database.ScalarAsync<bool>("select journal_stored from attempts"));

        await JournalAsync(run, Points, Points, Points, Stopped);
        await journals.PassAsync(TimeSpan.Zero, default);

        await Database.AssertWholeAsync(run, 3);
        Assert.True(await Database.ScalarAsync<bool>("select journal_stored from attempts"));
    }

    [Fact]
    public async Task What_is_read_late_of_an_attempt_hides_nothing_of_those_before_and_after_it()
    {
        await using var node = TrainingNode.Build(Database.ConnectionString, Folder);
        var writer = node.Services.GetRequiredService<PointWriter>();
        var run = await Database.AddRunAsync();
        await StoreAsync(from: 0, 1, 2, 3, 4); // attempt 1 came to a checkpoint at 4
        await Database.LoseAsync(run);
        await Database.ClaimAsync(run); // attempt 2 began at 0, and that was not read
        await Database.LoseAsync(run);
        await StoreAsync(from: 4, 5, 6); // attempt 3 went on from 4
        await Database.ExecuteAsync(
            """
            update work_items set state = 'Cancelled', finished_at = now(), lease_until = null;
            update attempts set ended_at = now(), outcome = coalesce(outcome, 'cancelled'), journal_stored = number <> 2
            """);
        await JournalAsync(run, attempt: 2, Started, Points, Points, Stopped);
        var before = await Database.RowsAsync<(long, string)>("select step, latest::text || spark::text from runs");

        await node.Services.GetRequiredService<LostJournals>().PassAsync(TimeSpan.Zero, default);

        var series = Assert.Single((await new PointReader(Database).ReadAsync(run, new()))!.Series);
        Assert.Equal([1, 2, 3, 4, 5, 6], series.Steps);
        Assert.Equal(before, await Database.RowsAsync<(long, string)>("select step, latest::text || spark::text from runs"));

        async Task StoreAsync(long from, params long[] steps)
        {
            var owner = await Database.ClaimAsync(run);
            var told = steps.Select((step, place) => TrainingDatabase.PointsAt(place + 2, step, step + 0.25, "train/loss_running"));
            Assert.True(await writer.WriteAsync(
                owner, owner.Attempt, TrainingDatabase.Batch([TrainingDatabase.StartedAt(from), .. told]), [], announce: false));
        }
    }

    [Fact]
    public async Task An_attempt_whose_trainer_never_said_where_it_begins_hides_nothing_of_what_is_read_late()
    {
        await using var node = TrainingNode.Build(Database.ConnectionString, Folder);
        var writer = node.Services.GetRequiredService<PointWriter>();
        var run = await Database.AddRunAsync();
        await StoreAsync(TrainingDatabase.StartedAt(0), TrainingDatabase.PointsAt(2, 1, 1.25, "train/loss_running"));
        await Database.LoseAsync(run);
        await StoreAsync(new MessageEvent(MessageLevel.Info, "reading the data") { N = 1 }); // attempt 2 was cancelled as it loaded
        await Database.ExecuteAsync(
            """
            update work_items set state = 'Cancelled', finished_at = now(), lease_until = null;
            update attempts set ended_at = now(), outcome = coalesce(outcome, 'cancelled'), journal_stored = number = 2
            """);
        await JournalAsync(run, attempt: 1, Started, Points.Replace("NUMBER", "1", StringComparison.Ordinal), Points, Points, Stopped);

        await node.Services.GetRequiredService<LostJournals>().PassAsync(TimeSpan.Zero, default);

        Assert.Equal([1, 3, 4], Assert.Single((await new PointReader(Database).ReadAsync(run, new()))!.Series).Steps);
        Assert.Equal(4, await Database.ScalarAsync<long>("select step from runs"));

        async Task StoreAsync(params TrainingEvent[] told)
        {
            var owner = await Database.ClaimAsync(run);
            Assert.True(await writer.WriteAsync(owner, owner.Attempt, TrainingDatabase.Batch(told), [], announce: false));
        }
    }

    private async Task CancelledAsync(long run, int attempts = 1)
    {
        for (var attempt = 0; attempt < attempts; attempt++)
        {
            await Database.ClaimAsync(run);
            await Database.LoseAsync(run);
        }
        await Database.ExecuteAsync(
            """
            update work_items set state = 'Cancelled', finished_at = now(), lease_until = null where run_id = @run;
            update attempts set ended_at = now(), outcome = coalesce(outcome, 'cancelled')
            """, new { run });
    }

    private Task JournalAsync(long run, params string[] lines) => JournalAsync(run, attempt: 1, lines);

    private async Task JournalAsync(long run, int attempt, params string[] lines)
    {
        var database = await Database.ScalarAsync<Guid>("select id from this_database");
        var path = Path.Combine(Folder, "runs", $"{database}", $"{run}", $"{attempt}", "metrics.jsonl");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllLinesAsync(
            path, lines.Select((line, place) => line.ReplaceLineEndings("").Replace("NUMBER", $"{place + 1}", StringComparison.Ordinal)));
    }
}
