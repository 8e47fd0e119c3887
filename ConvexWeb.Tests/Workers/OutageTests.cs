using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ConvexWeb.Tests.Workers;

/// <summary>The database goes away in the middle, as in a power cut, and comes back.</summary>
[Trait("kind", "database")]
public sealed class OutageTests : IAsyncLifetime
{
    private readonly TestFolder folder = new();
    private CrashingPostgres postgres = null!;

    private NpgsqlDataSource Database => postgres.Database;

    public async ValueTask InitializeAsync() => postgres = await CrashingPostgres.StartAsync(Path.Combine(folder.Path, "pg"));

    public async ValueTask DisposeAsync()
    {
        await postgres.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task Training_goes_on_without_the_database_and_its_points_arrive_when_it_is_back()
    {
        await using var node = await TrainingNode.StartAsync(postgres.ConnectionString, folder.Path);
        var run = await node.SubmitAsync("""{"steps":120,"every":20,"pause":0.03}""");
        await Database.UntilAsync("select step >= 10 from runs");

        // Longer than the lease: nobody else is there to take the run, so its worker keeps it.
        await postgres.CrashAsync();
        var journal = RunFiles.JournalOf(folder.Path, run);
        var before = File.ReadLines(journal).Count();
        await Task.Delay(TimeSpan.FromSeconds(2.5));
        Assert.True(File.ReadLines(journal).Count() > before + 10);
        await postgres.RestartAsync();

        await Database.UntilAsync(run, RunState.Succeeded);
        await Database.AssertWholeAsync(run, 120);
        Assert.Equal("succeeded", await Database.OutcomesAsync(run));

        // And the queue works on.
        var next = await node.SubmitAsync("{}");
        await Database.UntilAsync(next, RunState.Succeeded);
    }

    [Fact]
    public async Task A_database_that_was_silent_to_everybody_for_longer_than_a_lease_takes_no_run_from_a_worker_that_lives()
    {
        await using var near = Wire.To(postgres.ConnectionString);
        await using var far = Wire.To(postgres.ConnectionString);
        await using var worker = await TrainingNode.StartAsync(near.ConnectionString, folder.Path);
        await using var other = await TrainingNode.StartAsync(far.ConnectionString, folder.Path, ("Convex:Role", "web"));
        var run = await worker.SubmitAsync("""{"steps":400,"every":20,"pause":0.03}""");
        await Database.UntilAsync("select step >= 10 from runs");
        await Task.Delay(TimeSpan.FromSeconds(8)); // until the other node would give up a worker that is gone

        near.Cut();
        far.Cut();
        await Task.Delay(TimeSpan.FromSeconds(5));
        far.Heal();
        await Task.Delay(TimeSpan.FromSeconds(3)); // the worker hears later that it is back
        near.Heal();

        await Database.UntilAsync(run, RunState.Succeeded);
        await Database.AssertWholeAsync(run, 400);
        Assert.Equal("succeeded", await Database.OutcomesAsync(run));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_worker_that_is_told_to_stop_while_the_database_is_silent_ends_in_time_and_without_a_crash(bool trains)
    {
        await using var wire = Wire.To(postgres.ConnectionString);
        await using var web = await TrainingNode.StartAsync(postgres.ConnectionString, folder.Path, ("Convex:Role", "web"));
        await using var worker = WorkerProcess.Start(wire.ConnectionString, folder.Path, "w");
        if (trains)
        {
            await web.SubmitAsync("""{"steps":4000,"every":20,"pause":0.03}""");
            await Database.UntilAsync("select step >= 10 from runs");
        }
        else
        {
            await Database.UntilAsync("select exists (select from workers where slots > 0)");
        }

        wire.Cut();
        await Task.Delay(TimeSpan.FromSeconds(1)); // all that it asks from now on hangs
        var told = TimeProvider.System.GetTimestamp();
        var code = await worker.TerminateAsync();
        var took = TimeProvider.System.GetElapsedTime(told);

        Assert.Equal(0, code);
        Assert.True(took < TimeSpan.FromSeconds(30), $"It took {took.TotalSeconds:0.0} s.");
    }

    [Fact]
    public async Task A_run_that_is_cancelled_before_the_database_goes_away_loses_nothing_of_what_it_has_written()
    {
        await using var node = await TrainingNode.StartAsync(
            postgres.ConnectionString, folder.Path, ("Convex:Worker:StopPatience", "00:00:01"));
        var run = await node.SubmitAsync("""{"steps":4000,"every":20,"pause":0.03}""");
        await Database.UntilAsync("select step >= 10 from runs");
        await Database.ExecuteAsync("update work_items set wish = 'cancel'");
        await postgres.CrashAsync();
        node.Services.GetRequiredService<HeldItems>().Stop(1);
        await Task.Delay(TimeSpan.FromSeconds(6)); // longer than a node that stops would wait
        await postgres.RestartAsync();

        await Database.UntilAsync(run, RunState.Cancelled);
        var written = new Journal(RunFiles.JournalOf(folder.Path, run)).Read().Events.OfType<PointsEvent>().Max(item => item.Step);
        await Database.AssertWholeAsync(run, (int)written);
        Assert.Equal(1, await Database.ScalarAsync<long>("select count(*) from checkpoints where kind = 'last'"));
    }

    [Fact]
    public async Task A_run_that_ends_while_the_database_is_away_is_told_when_it_is_back()
    {
        await using var node = await TrainingNode.StartAsync(postgres.ConnectionString, folder.Path);
        var run = await node.SubmitAsync("""{"steps":40,"every":20,"pause":0.03}""");
        await Database.UntilAsync("select step >= 10 from runs");

        await postgres.CrashAsync();
        var journal = RunFiles.JournalOf(folder.Path, run);
        // The trainer writes its journal whether or not the database is there; the file is all there is to look at.
        while (!File.ReadLines(journal).Last().Contains("finished", StringComparison.Ordinal)) await Task.Delay(50); // between two looks
        await postgres.RestartAsync();

        await Database.UntilAsync(run, RunState.Succeeded);
        await Database.AssertWholeAsync(run, 40);
    }
}
