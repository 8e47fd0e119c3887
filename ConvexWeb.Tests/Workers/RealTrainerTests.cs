using System.Diagnostics;
using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Workers;

/// <summary>The true trainer under a worker: a training that was killed in the middle comes to the same weights as one that was not.</summary>
public sealed class RealTrainerTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private const string Spec = """
        {"model":{"name":"mlp","width":256},"data":{"name":"glyphs","train_limit":2000},"optimizer":{"name":"adam"},"training":{"epochs":25,"batch_size":50,"points_every":10}}
        """;

    [Fact]
    public async Task A_training_whose_trainer_and_worker_are_killed_ends_with_the_same_weights()
    {
        string[] trainer = ["dotnet", Path.Combine(AppContext.BaseDirectory, "ConvexWeb.Training.dll")];
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        await using var first = WorkerProcess.Start(ConnectionString, Folder, "first", trainer, ("Convex:Worker:Threads", "1"));
        var whole = await web.SubmitAsync(Spec);
        await Database.UntilAsync(whole, RunState.Succeeded);
        var start = await Database.ScalarAsync<double>("select extract(epoch from min(p.at) - a.started_at) * 1000 from points p join attempts a on a.run_id = p.run_id group by a.started_at");
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine($"From claim to the first point {start:0} ms");

        var broken = await web.SubmitAsync(Spec);
        await Database.UntilAsync("select step >= 100 from runs where id = @broken", new { broken });
        await KillTrainerAsync(broken);
        await Database.UntilAsync("select exists (select from points where run_id = @broken and attempt = 2 and step >= 100)", new { broken });
        await first.KillAsync();
        await using var second = WorkerProcess.Start(ConnectionString, Folder, "second", trainer, ("Convex:Worker:Threads", "1"));
        await Database.UntilAsync(broken, RunState.Succeeded);

        Assert.Equal("died,lost,succeeded", await Database.OutcomesAsync(broken));
        Assert.True(await Database.ScalarAsync<long>("select resumed_step from attempts where run_id = @broken and number = 3", new { broken }) >= 100);
        Assert.Equal(Weights(whole), Weights(broken));

        // And to the same points, each once.
        const string points = """
            select m.name || ' ' || p.step || ' ' || p.value from points p join metrics m on m.id = p.metric_id
            where p.run_id = @run and m.name <> 'samples_per_second' and m.name not like '%seconds%'
              and not exists (select from attempts a where a.run_id = p.run_id and a.number > p.attempt and a.resumed_step < p.step) order by m.name, p.step
            """;
        Assert.Equal(await Database.RowsAsync<string>(points, new { run = whole }), await Database.RowsAsync<string>(points, new { run = broken }));
    }

    private async Task KillTrainerAsync(long run)
    {
        var folder = Path.Combine(Folder, "runs", $"{run}", "1");
        foreach (var process in Process.GetProcesses())
        {
            var line = Path.Combine("/proc", $"{process.Id}", "cmdline");
            if (File.Exists(line) && (await File.ReadAllTextAsync(line)).Contains(folder, StringComparison.Ordinal)) process.Kill();
        }
    }

    private string Weights(long run)
    {
        var attempt = Directory.GetDirectories(Path.Combine(Folder, "runs", $"{run}")).Max(path => int.Parse(Path.GetFileName(path)));
        var finished = File.ReadLines(Path.Combine(Folder, "runs", $"{run}", $"{attempt}", "metrics.jsonl")).Last();
        using var json = JsonDocument.Parse(finished);
        return json.RootElement.GetProperty("summary").GetProperty("weights_sha256").GetString()!;
    }
}
