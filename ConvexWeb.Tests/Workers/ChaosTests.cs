using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Workers;

/// <summary>Everything is killed, in turns and at odd moments; in the end each run is whole and in its right state.</summary>
[Trait("kind", "database")]
public sealed class ChaosTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2, Explicit = true)]
    [InlineData(3, Explicit = true)]
    [InlineData(4, Explicit = true)]
    public async Task Whatever_is_killed_every_run_ends_well(int seed)
    {
        using var folder = new TestFolder();
        await using var postgres = await CrashingPostgres.StartAsync(Path.Combine(folder.Path, "pg"));
        await using var web = await TrainingNode.StartAsync(postgres.ConnectionString, folder.Path, ("Convex:Role", "web"));
        var random = new Random(seed);
        var names = 0;
        List<WorkerProcess> workers = [Start(), Start()];
        var runs = await web.SubmitAsync(16, """{"steps":80,"every":10,"pause":0.03,"die_at":33,"times":1}""");
        await postgres.Database.UntilAsync("select count(*) >= 2 from runs where step > 0");

        for (var fault = 0; fault < 6; fault++)
        {
            await Task.Delay(random.Next(300, 2500));
            var victim = random.Next(workers.Count);
            switch (random.Next(4))
            {
                case 0:
                    await workers[victim].KillAsync();
                    workers[victim] = Start();
                    break;
                case 1:
                    workers[victim].FallAsleep();
                    await Task.Delay(random.Next(500, 4000));
                    workers[victim].WakeUp();
                    break;
                case 2:
                    await postgres.CrashAsync();
                    await Task.Delay(random.Next(100, 4000));
                    await postgres.RestartAsync();
                    break;
                case 3:
                    Assert.Equal(0, await workers[victim].TerminateAsync());
                    workers[victim] = Start();
                    break;
            }
        }

        await postgres.Database.UntilAsync("select count(*) = 0 from work_items where state in ('Queued', 'Running')");
        Assert.Equal(["Succeeded"], await postgres.Database.RowsAsync<string>("select distinct state from work_items"));
        foreach (var run in runs) await postgres.Database.AssertWholeAsync(run, 80);
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine(string.Join(", ",
            await postgres.Database.RowsAsync<string>("select coalesce(outcome, '-') || ' ' || count(*) from attempts group by outcome")));
        foreach (var worker in workers) await worker.DisposeAsync();

        WorkerProcess Start() => WorkerProcess.Start(
            postgres.ConnectionString, folder.Path, $"worker-{++names}", settings: ("Convex:Worker:Slots", "2"));
    }
}
