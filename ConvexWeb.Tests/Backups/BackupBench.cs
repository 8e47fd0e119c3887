using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Backups;

/// <summary>
/// <c>./convexweb bench backup</c>: a lab of processes with four real trainings and a run of a million points is backed up by the command
/// while it works, and restored elsewhere. The lab itself works on undisturbed: what goes on elsewhere must come to the same.
/// </summary>
public sealed class BackupBench
{
    private const int Million = 1_000_000;
    private const int PointsPerBatch = 1000;

    private const string Spec = """
        {"model":{"name":"mlp","width":256},"data":{"name":"glyphs","train_size":4000,"test_size":1000},
         "training":{"epochs":25,"batch_size":20,"points_every":5}}
        """;

    [Fact(Explicit = true)]
    [Trait("bench", "backup")]
    public async Task A_lab_that_trains_goes_on_elsewhere_as_if_nothing_had_been()
    {
        await using var lab = await ProcessLab.StartAsync();
        var web = await lab.StartWebAsync();
        using var client = web.Client(await lab.AddUserAsync("ada"));
        var million = await StoreMillionAsync(lab);
        await lab.StartWorkerAsync("worker", slots: 4);
        var runs = new List<long>();
        for (var seed = 0; seed < 4; seed++) runs.Add(await client.SubmitAsync(Spec, seed));
        await lab.Database.UntilAsync(
            "select count(distinct c.run_id) = 4 from checkpoints c join work_items i on i.run_id = c.run_id where i.state = 'Running'");

        var file = Path.Combine(lab.DataFolder, "lab.backup");
        var begun = TimeProvider.System.GetTimestamp();
        var (code, said) = await ServerCommand.RunAsync(lab.ConnectionString, lab.DataFolder, "backup", file);
        Assert.True(code == 0, said);
        var told = said.Split('\n').Single(line => line.Contains("is written", StringComparison.Ordinal));
        ProcessLab.Say($"backup: {Seconds(begun):0.0} s with the start of the command, {ProcessLab.Load}: {told}");
        Assert.Equal(4, await lab.Database.ScalarAsync<long>("select count(*) from work_items where state = 'Running' and kind = 'run'"));

        await using var elsewhere = await ProcessLab.StartAsync();
        begun = TimeProvider.System.GetTimestamp();
        (code, said) = await ServerCommand.RunAsync(elsewhere.ConnectionString, elsewhere.DataFolder, "restore", file);
        Assert.True(code == 0, said);
        ProcessLab.Say($"restored: {Seconds(begun):0.0} s");
        var steps = await elsewhere.Database.RowsAsync<long>("select step from runs where id = any(@runs) order by id", new { runs });
        ProcessLab.Say($"at steps {string.Join(", ", steps)} of 5000");
        Assert.All(steps, step => Assert.InRange(step, 1, 4999));

        foreach (var run in runs) await lab.Database.UntilAsync(run, RunState.Succeeded);
        await elsewhere.StartWebAsync();
        await elsewhere.StartWorkerAsync("worker-elsewhere", slots: 4);
        foreach (var run in runs)
        {
            await elsewhere.Database.UntilAsync(run, RunState.Succeeded);
            Assert.Equal("lost,succeeded", await elsewhere.Database.OutcomesAsync(run));
            Assert.Equal(TrueTraining.Weights(lab.DataFolder, run), TrueTraining.Weights(elsewhere.DataFolder, run));
            Assert.Equal(await lab.Database.PointsAsync(run), await elsewhere.Database.PointsAsync(run));
        }
        const string chunks =
            "select md5(string_agg(to_jsonb(c)::text, ',' order by c.last_seq)) from point_chunks c where run_id = @million";
        Assert.Equal(
            await lab.Database.ScalarAsync<string>(chunks, new { million }),
            await elsewhere.Database.ScalarAsync<string>(chunks, new { million }));
        ProcessLab.Say("four runs resumed: weights and points equal to the undisturbed ones bit for bit; the million equal too");
    }

    private static async Task<long> StoreMillionAsync(ProcessLab lab)
    {
        await lab.Database.AddRunAsync();
        var settings = new WorkerSettings { Name = "bench", Lease = TimeSpan.FromHours(1) };
        var leases = new Leases(lab.Database, settings);
        var owner = (await leases.ClaimAsync(["cpu"]))!;
        var writer = new PointWriter(lab.Database, new MetricIds(lab.Database), settings);
        for (var batch = 0; batch < Million / PointsPerBatch; batch++)
        {
            var events = Enumerable.Range(batch * PointsPerBatch + 1, PointsPerBatch)
                .Select(step => TrainingDatabase.PointsAt(step, step, Math.Sin(step))).ToArray();
            Assert.True(await writer.WriteAsync(owner, owner.Attempt, TrainingDatabase.Batch(events), [], announce: false, default));
        }
        await leases.EndAsync(owner, AttemptEnd.Succeeded);
        return owner.RunId;
    }

    private static double Seconds(long begun) => TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
}
