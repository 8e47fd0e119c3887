using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Workers;

/// <summary>
/// The true trainer under a worker: a training that was killed in the middle comes to the same weights as one that was not.
/// </summary>
public sealed class RealTrainerTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private const string Spec = """
        {"model":{"name":"mlp","width":256},"data":{"name":"glyphs","train_limit":2000},"optimizer":{"name":"adam"},
         "training":{"epochs":25,"batch_size":50,"points_every":10}}
        """;

    [Fact]
    public async Task A_training_whose_trainer_and_worker_are_killed_ends_with_the_same_weights()
    {
        string[] trainer = [TrainerProgram.Host, TrainerProgram.File];
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var first = WorkerProcess.Start(ConnectionString, Folder, "first", trainer, ("Convex:Worker:Threads", "1"));
        var whole = await web.SubmitAsync(Spec);
        await Database.UntilAsync(whole, RunState.Succeeded);
        var start = await Database.ScalarAsync<double>(
            """
            select extract(epoch from min(p.at) - a.started_at) * 1000
            from points p join attempts a on a.run_id = p.run_id group by a.started_at
            """);
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine($"From claim to the first point {start:0} ms");

        var broken = await web.SubmitAsync(Spec);
        await Database.UntilAsync("select step >= 100 from runs where id = @broken", new { broken });
        await TrueTraining.KillTrainerAsync(Folder, broken);
        await Database.UntilAsync(
            "select exists (select from points where run_id = @broken and attempt = 2 and step >= 100)", new { broken });
        await first.KillAsync();
        await using var second = WorkerProcess.Start(ConnectionString, Folder, "second", trainer, ("Convex:Worker:Threads", "1"));
        await Database.UntilAsync(broken, RunState.Succeeded);

        Assert.Equal("died,lost,succeeded", await Database.OutcomesAsync(broken));
        Assert.True(await Database.ScalarAsync<long>(
            "select resumed_step from journals where run_id = @broken and attempt = 3", new { broken }) >= 100);
        Assert.Equal(TrueTraining.Weights(Folder, whole), TrueTraining.Weights(Folder, broken));

        // And to the same points, each once.
        Assert.Equal(await Database.PointsAsync(whole), await Database.PointsAsync(broken));
    }
}
