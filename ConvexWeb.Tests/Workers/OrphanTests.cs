using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Trainers;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Workers;

/// <summary>A worker that is killed while its trainer hangs leaves it behind; the worker of that name ends it when it starts.</summary>
public sealed class OrphanTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    [Fact]
    public async Task A_trainer_that_hangs_when_its_worker_is_killed_is_ended_by_the_next_start()
    {
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var first = WorkerProcess.Start(ConnectionString, Folder, "same");
        var run = await web.SubmitAsync("""{"steps":20,"hang_at":7,"times":1}""");
        await Database.UntilAsync("select exists (select from log_lines where text = 'hangs')");
        var file = Assert.Single(Directory.GetFiles(Path.Combine(Folder, "workers", "same", "trainers")));
        var trainer = JsonSerializer.Deserialize<TrainerRegister.Entry>(await File.ReadAllTextAsync(file))!;

        await first.KillAsync();
        Assert.True(ProcessStat.Of(trainer.Id)!.Lives);
        await using var again = WorkerProcess.Start(ConnectionString, Folder, "same");
        await Database.UntilAsync(run, RunState.Succeeded);

        Assert.NotEqual(trainer.Started, ProcessStat.Of(trainer.Id)?.Started);
        Assert.False(File.Exists(file));
    }
}
