using System.Globalization;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary><c>./convexweb bench chaos</c>: the true product, killed in mid-run, twenty times over.</summary>
[Trait("kind", "browser")]
public sealed class ChaosBench(Browser browser)
{
    private const int Rounds = 20;

    private const string Spec = """
        {"model":{"name":"mlp","width":128},"data":{"name":"glyphs","train_size":2000,"test_size":500},
         "training":{"epochs":40,"batch_size":50,"points_every":5}}
        """;

    private static readonly int[] Seeds = [1, 2];

    [Fact(Explicit = true)]
    [Trait("bench", "chaos")]
    public async Task Every_run_ends_whole_whatever_is_killed()
    {
        await using var installation = await Installation.StartAsync(browser, Settings(Role.Both));
        await using var cluster = new Nodes(installation);
        using var client = await installation.ClientAsync();
        var whole = new List<(IReadOnlyList<string> Points, string Weights)>();
        foreach (var run in await client.SubmitAsync(Spec, Seeds))
        {
            await installation.Database.UntilAsync(run, RunState.Succeeded);
            whole.Add((await installation.Database.PointsAsync(run), TrueTraining.Weights(installation.Folder, run)));
        }
        Assert.All(whole, run => Assert.Equal(run.Points.Distinct(), run.Points));
        Say($"undisturbed: {whole[0].Points.Count} points a run, took {await TookAsync(installation, 1):0.0} s");

        for (var round = 1; round <= Rounds; round++)
        {
            var began = TimeProvider.System.GetTimestamp();
            await cluster.BecomeAsync(apart: round % 2 == 1);
            var runs = await client.SubmitAsync(Spec, Seeds);
            var killed = await cluster.KillInTurnAsync(runs, round);
            foreach (var run in runs) await installation.Database.UntilAsync(run, RunState.Succeeded);

            for (var i = 0; i < runs.Length; i++)
            {
                Assert.Equal(whole[i].Points, await installation.Database.PointsAsync(runs[i]));
                Assert.Equal(whole[i].Weights, TrueTraining.Weights(installation.Folder, runs[i]));
            }
            await AssertSettledAsync(installation, runs);
            var attempts = await installation.Database.RowsAsync<string>(
                """
                select string_agg(resumed_step::text, ' ' order by attempt) from journals
                where run_id = any(@runs) group by run_id order by run_id
                """, new { runs });
            Say($"round {round,2} ({(round % 2 == 1 ? "web and worker apart" : "one node")}): "
                + $"killed {killed}; attempts from steps {string.Join(" and ", attempts)}; "
                + $"each point once, same values, same weights; {TimeProvider.System.GetElapsedTime(began).TotalSeconds:0.0} s");
        }
    }

    // No run, attempt or ticket is left over, and the sequence numbers have no hole.
    private static async Task AssertSettledAsync(Installation installation, long[] runs)
    {
        await installation.Database.UntilAsync(
            "select count(*) = 0 from hangfire.jobqueue");
        Assert.Equal(["Succeeded"], await installation.Database.RowsAsync<string>("select distinct state from runs"));
        Assert.Equal(0, await installation.Database.ScalarAsync<long>(
            "select count(*) from attempts where ended_at is null or outcome is null"));
        foreach (var run in runs)
        {
            Assert.True(await installation.Database.ScalarAsync<bool>(
                """
                select count(*) = max(seq) and count(distinct seq) = max(seq)
                    and max(seq) = (select last_seq from runs where id = @run)
                from points where run_id = @run
                """, new { run }));
        }
    }

    private static async Task<double> TookAsync(Installation installation, long run) =>
        await installation.Database.ScalarAsync<double>(
            "select extract(epoch from finished_at - started_at)::float8 from runs where id = @run", new { run });

    private enum Role
    {
        Both,
        Web,
        Worker,
    }

    // As delivered, but for the lease: half of it, so that twenty rounds take minutes.
    private static IEnumerable<(string, string)> Settings(Role role) =>
    [
        ("Convex:Role", $"{role}"), ("Convex:Worker:Name", role == Role.Both ? "both" : "apart"),
        ("Convex:Worker:Slots", "2"), ("Convex:Worker:Threads", "1"),
        ("Convex:Worker:Lease", "00:00:04"),
    ];

    private static void Say(string line) => Xunit.TestContext.Current.TestOutputHelper?.WriteLine(line);

    /// <summary>The processes of the installation: one, or a web node and a worker.</summary>
    private sealed class Nodes(Installation installation) : IAsyncDisposable
    {
        private ServerProcess? worker;
        private bool apart;

        public async Task BecomeAsync(bool apart)
        {
            if (this.apart == apart) return;
            await DisposeAsync();
            await installation.Server.TerminateAsync();
            this.apart = apart;
            await StartWebAsync();
            if (apart) worker = StartWorker();
        }

        /// <summary>
        /// A trainer, the worker and the web node (or the node that is both), beginning with another each round; each in mid-run.
        /// </summary>
        public async Task<string> KillInTurnAsync(long[] runs, int round)
        {
            var random = new Random(round);
            var victim = random.Next(runs.Length);
            var least = new long[] { 1, 1 };
            var kills = new List<string>();
            string[] targets = apart ? ["a trainer", "the worker", "the web node"] : ["a trainer", "the node"];
            for (var turn = 0; turn < targets.Length; turn++)
            {
                await TrainAsync(runs, least, runs[victim], random);
                var target = targets[(round / 2 + turn) % targets.Length];
                var step = await installation.Database.ScalarAsync<long>(
                    "select step from runs where id = @run", new { run = runs[victim] });
                kills.Add(string.Create(CultureInfo.InvariantCulture, $"{target} at step {step}"));
                await KillAsync(target, runs[victim]);
                if (target == "a trainer") least[victim]++;
                else if (target != "the web node") least = [least[0] + 1, least[1] + 1];
            }
            return string.Join(", ", kills);
        }

        private async Task KillAsync(string target, long run)
        {
            switch (target)
            {
                case "a trainer":
                    Assert.True(await TrueTraining.KillTrainerAsync(installation.Folder, run), "there was no trainer to kill");
                    break;
                case "the worker":
                    await worker!.KillAsync();
                    await worker.DisposeAsync();
                    worker = StartWorker();
                    break;
                default:
                    await installation.Server.KillAsync();
                    await installation.Server.DisposeAsync();
                    await StartWebAsync();
                    break;
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (worker is not null) await worker.DisposeAsync();
            worker = null;
        }

        // Until each is trained by at least this attempt and has come on in it by some points.
        // Whoever was spared may be at its end meanwhile.
        private async Task TrainAsync(long[] runs, long[] least, long victim, Random random)
        {
            await installation.Database.UntilAsync(
                """
                select count(*) = 2 from runs r
                where id = any(@runs) and (state = 'Succeeded' or r.attempt >= (@least)[array_position(@runs, r.id)]
                    and (select max(step) from points p where p.run_id = r.id and p.attempt = r.attempt)
                        >= 40 + (select resumed_step from journals j where j.run_id = r.id and j.attempt = r.attempt))
                """, new { runs, least });
            await Task.Delay(random.Next(300));
            Assert.Equal("Running", await installation.Database.StateAsync(victim));
        }

        private Task StartWebAsync() => installation.StartServerAsync(Settings(apart ? Role.Web : Role.Both));

        private ServerProcess StartWorker() =>
            ServerProcess.Start(
                installation.Folder, ServerProcess.FreeAddress(),
                [.. Settings(Role.Worker), ("ConnectionStrings:Convex", installation.DatabaseAddress)]);
    }
}
