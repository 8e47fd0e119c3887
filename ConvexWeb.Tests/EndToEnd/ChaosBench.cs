using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Scheduling;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;
using Hangfire;
using Hangfire.Common;
using Hangfire.States;
using Npgsql;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// <c>./convexweb bench chaos</c>: a web node and two workers as they are delivered, true trainings, and in each round some faults at
/// random. Whatever they are, each run ends with every point once and the weights of the undisturbed run, bit for bit.
/// <c>CONVEX_ROUNDS</c> rounds (200), beginning with number <c>CONVEX_ROUND</c> (1): a round's faults depend on its number alone.
/// </summary>
public sealed class ChaosBench
{
    private const string Spec = """
        {"model":{"name":"mlp","width":128},"data":{"name":"glyphs","train_size":2000,"test_size":500},
         "training":{"epochs":40,"batch_size":50,"points_every":5}}
        """;

    private static readonly int[] Seeds = [1, 2];

    [Fact(Explicit = true)]
    [Trait("bench", "chaos")]
    public async Task Every_run_ends_whole_whatever_happens()
    {
        await using var lab = await Lab.StartAsync();
        var whole = new List<(IReadOnlyList<string> Points, string Weights)>();
        foreach (var run in await lab.SubmitAsync(Spec, Seeds))
        {
            await lab.Database.UntilAsync(run, RunState.Succeeded);
            whole.Add((await lab.Database.PointsAsync(run), TrueTraining.Weights(lab.DataFolder, run)));
        }
        Assert.All(whole, run => Assert.Equal(run.Points.Distinct(), run.Points));
        Say($"undisturbed: {whole[0].Points.Count} points a run");

        var (first, rounds) = (Number("CONVEX_ROUND", 1), Number("CONVEX_ROUNDS", 200));
        var begun = TimeProvider.System.GetTimestamp();
        for (var round = first; round < first + rounds; round++)
        {
            var began = TimeProvider.System.GetTimestamp();
            var runs = await lab.SubmitAsync(Spec, Seeds);
            var faults = await lab.DisturbAsync(runs, new Random(round));
            foreach (var run in runs) await lab.EndAsync(run);

            for (var i = 0; i < runs.Length; i++)
            {
                Assert.Equal(whole[i].Points, await lab.Database.PointsAsync(runs[i]));
                Assert.Equal(whole[i].Weights, TrueTraining.Weights(lab.DataFolder, runs[i]));
            }
            await lab.AssertSettledAsync(runs);
            var attempts = await lab.Database.RowsAsync<string>(
                """
                select string_agg(a.outcome, ' ' order by a.number) from attempts a join work_items i on i.id = a.item_id
                where i.run_id = any(@runs) group by i.run_id order by i.run_id
                """, new { runs });
            Say($"round {round,3}: {string.Join("; ", faults)} | {string.Join(" / ", attempts)} | "
                + $"{TimeProvider.System.GetElapsedTime(began).TotalSeconds:0} s");
        }
        Say($"{rounds} rounds, {2 * rounds} runs, {lab.Faults.Values.Sum()} faults in "
            + $"{TimeProvider.System.GetElapsedTime(begun).TotalMinutes:0} min: each point once, same values, same weights");
        Say(string.Join(", ", lab.Faults.OrderBy(fault => fault.Key).Select(fault => $"{fault.Value} × {fault.Key}")));
        Say(lab.TakenOver.Count == 0 ? "no item was taken over" : string.Create(
            CultureInfo.InvariantCulture,
            $"taken over {lab.TakenOver.Count} times, after p50 {lab.TakenOver.Order().ElementAt(lab.TakenOver.Count / 2):0.0} s, "
            + $"p95 {lab.TakenOver.Order().ElementAt(lab.TakenOver.Count * 95 / 100):0.0} s, at most {lab.TakenOver.Max():0.0} s"));
    }

    private static int Number(string variable, int otherwise)
        => int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : otherwise;

    private static void Say(string line) => Xunit.TestContext.Current.TestOutputHelper?.WriteLine(line);

    /// <summary>
    /// The processes of a lab: PostgreSQL, a web node, two workers on wires of their own, and small disks where they can be had.
    /// </summary>
    private sealed class Lab : IAsyncDisposable
    {
        private readonly TestFolder folder = new();
        private readonly SmallDisk? dataDisk;
        private readonly SmallDisk? databaseDisk;
        private readonly Uri address = ServerProcess.FreeAddress();
        private readonly Wire[] wires = new Wire[2];
        private readonly ServerProcess[] workers = new ServerProcess[2];
        private readonly string secret = Secret.New(ApiToken.Prefix);
        private CrashingPostgres postgres = null!;
        private ServerProcess web = null!;

        private Lab()
        {
            dataDisk = SmallDisk.TryMount(Path.Combine(folder.Path, "data"), megabytes: 400);
            databaseDisk = SmallDisk.TryMount(Path.Combine(folder.Path, "pg"), megabytes: 1500);
            if (dataDisk is null) Say("No small disks can be mounted here: no round fills one.");
        }

        public string DataFolder => Path.Combine(folder.Path, "data");
        public NpgsqlDataSource Database => postgres.Database;
        public SortedDictionary<string, int> Faults { get; } = new(StringComparer.Ordinal);
        public List<double> TakenOver { get; } = [];

        public static async Task<Lab> StartAsync()
        {
            var lab = new Lab();
            Directory.CreateDirectory(lab.DataFolder);
            lab.postgres = await CrashingPostgres.StartAsync(Path.Combine(lab.folder.Path, "pg"));
            await using (var connection = await lab.Database.OpenConnectionAsync())
            {
                await connection.ExecuteAsync(
                    """
                    insert into users (id, user_name, normalized_user_name, is_admin) values (@id, 'ada', 'ADA', true);
                    insert into api_tokens (id, user_id, name, secret_hash, created_at) values (@id, @id, 'bench', @hash, now())
                    """, new { id = Guid.NewGuid(), hash = Secret.Hash(lab.secret) });
            }
            await lab.StartWebAsync();
            for (var worker = 0; worker < 2; worker++)
            {
                lab.wires[worker] = Wire.To(lab.postgres.ConnectionString);
                lab.StartWorker(worker);
            }
            return lab;
        }

        public async Task<long[]> SubmitAsync(string spec, int[] seeds)
        {
            using var client = Client();
            using var response = await client.PostJsonAsync(
                "/api/v1/runs", $$"""{"spec":{{spec}},"seeds":[{{string.Join(',', seeds)}}]}""");
            var answer = await response.ReadAsync<JsonObject>(System.Net.HttpStatusCode.Created);
            return [.. answer["runIds"]!.AsArray().Select(id => (long)id!)];
        }

        /// <summary>One to three faults, each when both runs have come on by some steps since the last one or have ended.</summary>
        public async Task<IReadOnlyList<string>> DisturbAsync(long[] runs, Random random)
        {
            var said = new List<string>();
            for (var faults = 1 + random.Next(3); faults > 0; faults--)
            {
                var marks = await Database.RowsAsync<long>("select step from runs where id = any(@runs) order by id", new { runs });
                await Database.UntilAsync(
                    """
                    select bool_and(i.state in ('Succeeded', 'Failed') or i.state = 'Running' and r.step >= m.step + 30)
                    from unnest(@runs, @marks) as m (id, step) join runs r on r.id = m.id
                    join work_items i on i.run_id = r.id and i.kind = 'run'
                    """, new { runs, marks = marks.ToArray() });
                await Task.Delay(random.Next(300));
                var fault = await FaultAsync(runs, random);
                said.Add(fault);
                var kind = fault.Split(':')[0];
                Faults[kind] = Faults.GetValueOrDefault(kind) + 1;
            }
            return said;
        }

        /// <summary>A run that ended because a disk was full is queued again, as people do when they have made room.</summary>
        public async Task EndAsync(long run)
        {
            await Database.UntilAsync(
                "select state in ('Succeeded', 'Failed', 'Cancelled') from work_items where kind = 'run' and run_id = @run", new { run });
            var (state, reason) = (await Database.RowsAsync<(string, string?)>(
                "select state, reason from work_items where kind = 'run' and run_id = @run", new { run })).Single();
            if (state == "Succeeded") return;
            Assert.True(state == "Failed" && reason!.Contains("is full", StringComparison.Ordinal), $"run {run} is {state}: {reason}");
            using var client = Client();
            using var response = await client.PostAsync($"/api/v1/runs/{run}/requeue", null);
            Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
            await Database.UntilAsync(run, RunState.Succeeded);
        }

        // No item, attempt or ticket is left over, and the sequence numbers have no hole.
        public async Task AssertSettledAsync(long[] runs)
        {
            await Database.UntilAsync("select count(*) = 0 from hangfire.jobqueue");
            Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from hangfire.job where statename = 'Failed'"));
            Assert.Equal(["Succeeded"], await Database.RowsAsync<string>("select distinct state from work_items"));
            Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from attempts where ended_at is null or outcome is null"));
            foreach (var run in runs)
            {
                Assert.True(await Database.ScalarAsync<bool>(
                    """
                    select count(*) = max(seq) and count(distinct seq) = max(seq) and max(seq) = (select last_seq from runs where id = @run)
                    from points where run_id = @run
                    """, new { run }));
            }
        }

        private async Task<string> FaultAsync(long[] runs, Random random)
        {
            var run = runs[random.Next(runs.Length)];
            var worker = random.Next(4) == 0 ? random.Next(2) : await WorkerOfAsync(run);
            switch (random.Next(100))
            {
                case < 16:
                    return $"trainer killed: {(await TrueTraining.KillTrainerAsync(DataFolder, run) ? "" : "none there")}";
                case < 34:
                    var hadItems = await HeldByAsync(worker);
                    await workers[worker].KillAsync();
                    await workers[worker].DisposeAsync();
                    var stays = random.Next(3) == 0;
                    if (stays) await TakenOverAsync(hadItems);
                    StartWorker(worker);
                    return stays ? "worker killed: and away" : "worker killed: and back";
                case < 44:
                    await web.KillAsync();
                    await web.DisposeAsync();
                    await Task.Delay(random.Next(2000));
                    await StartWebAsync();
                    return "web killed";
                case < 58:
                    var lost = await LostAsync(runs);
                    var away = random.Next(6) == 0 ? 20_000 : random.Next(100, 6000);
                    await postgres.CrashAsync();
                    await Task.Delay(away);
                    await postgres.RestartAsync();
                    await Database.UntilAsync("select true");
                    if (away > 8000) await AssertKeptAsync(runs, lost);
                    return $"PostgreSQL crashed: {away / 1000.0:0.0} s";
                case < 68:
                    var asleep = random.Next(16) == 0 ? 60_000 : random.Next(500, 12_000);
                    workers[worker].FallAsleep();
                    await Task.Delay(asleep);
                    workers[worker].WakeUp();
                    return $"worker stopped: {asleep / 1000.0:0.0} s";
                case < 80:
                    var cut = random.Next(24) switch { 0 => 120_000, < 4 => 30_000, _ => 1000 };
                    wires[worker].Cut();
                    await Task.Delay(cut);
                    wires[worker].Heal();
                    return $"network cut: {cut / 1000} s";
                case < 85 when dataDisk is not null:
                    using (dataDisk.Fill()) await Task.Delay(random.Next(2000, 5000));
                    return "worker's disk full";
                case < 89 when databaseDisk is not null:
                    using (databaseDisk.Fill()) await Task.Delay(random.Next(2000, 5000));
                    return "database's disk full";
                case < 93:
                    using (var storage = new TicketsOnTheSide(Database)) storage.Make(random.Next(1, 6));
                    return "tickets without items";
                case < 97:
                    Assert.Equal(0, await workers[worker].TerminateAsync());
                    await workers[worker].DisposeAsync();
                    StartWorker(worker);
                    return "worker shut down";
                default:
                    using (var client = Client())
                    {
                        using var paused = await client.PostAsync($"/api/v1/runs/{run}/pause", null);
                        await Database.UntilAsync(
                            "select state in ('Paused', 'Succeeded') from work_items where kind = 'run' and run_id = @run", new { run });
                        using var resumed = await client.PostAsync($"/api/v1/runs/{run}/resume", null);
                        return $"paused and resumed: {(int)paused.StatusCode}, {(int)resumed.StatusCode}";
                    }
            }
        }

        private async Task<int> WorkerOfAsync(long run)
            => await Database.ScalarAsync<string?>("select worker from work_items where kind = 'run' and run_id = @run", new { run })
                is "worker-1" ? 1 : 0;

        private Task<IReadOnlyList<long>> HeldByAsync(int worker) => Database.RowsAsync<long>(
            "select id from work_items where state = 'Running' and worker = @name", new { name = $"worker-{worker}" });

        // The other worker has slots for them.
        private async Task TakenOverAsync(IReadOnlyList<long> items)
        {
            if (items.Count == 0) return;
            var killed = TimeProvider.System.GetTimestamp();
            await Database.UntilAsync(
                """
                select count(*) = 0 from work_items i join attempts a on a.item_id = i.id and a.number = i.attempt
                where i.id = any(@items) and i.state in ('Running', 'Queued') and (i.state = 'Queued' or a.started_at < @since)
                """, new { items = items.ToArray(), since = DateTimeOffset.UtcNow });
            TakenOver.Add(TimeProvider.System.GetElapsedTime(killed).TotalSeconds);
        }

        private Task<long> LostAsync(long[] runs) => Database.ScalarAsync<long>(
            """
            select count(*) from attempts a join work_items i on i.id = a.item_id where i.run_id = any(@runs) and a.outcome = 'lost'
            """, new { runs });

        // All leases are over, and all workers alive: each keeps its item.
        private async Task AssertKeptAsync(long[] runs, long lost)
        {
            await Task.Delay(10_000);
            Assert.Equal(lost, await LostAsync(runs));
        }

        private async Task StartWebAsync()
        {
            web = ServerProcess.Start(
                DataFolder, address, ("Convex:Role", "web"), ("ConnectionStrings:Convex", postgres.ConnectionString));
            await web.ReadyAsync();
        }

        private void StartWorker(int worker) => workers[worker] = ServerProcess.Start(
            DataFolder, ServerProcess.FreeAddress(), ("Convex:Role", "worker"), ("Convex:Worker:Name", $"worker-{worker}"),
            ("Convex:Worker:Slots", "2"), ("Convex:Worker:Threads", "1"), ("ConnectionStrings:Convex", wires[worker].ConnectionString));

        private HttpClient Client()
        {
            var client = new HttpClient { BaseAddress = address };
            client.DefaultRequestHeaders.Authorization = new("Bearer", secret);
            return client;
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var worker in workers.Where(worker => worker is not null)) await worker.DisposeAsync();
            foreach (var wire in wires.Where(wire => wire is not null)) await wire.DisposeAsync();
            if (web is not null) await web.DisposeAsync();
            await postgres.DisposeAsync();
            dataDisk?.Dispose();
            databaseDisk?.Dispose();
            folder.Dispose();
        }
    }

    /// <summary>
    /// Hangfire as somebody else would use it: tickets for which there is nothing, as a late or doubled delivery brings them.
    /// </summary>
    private sealed class TicketsOnTheSide(NpgsqlDataSource database) : IDisposable
    {
        private readonly JobStorage storage = TicketStorage.Create(database, []);

        public void Make(int count)
        {
            var client = new BackgroundJobClient(storage);
            for (var i = 0; i < count; i++)
                client.Create(Job.FromExpression<WorkTicket>(ticket => ticket.UseAsync(null!)), new EnqueuedState("cpu"));
        }

        public void Dispose() => (storage as IDisposable)?.Dispose();
    }

    /// <summary>A folder on a disk of its own, of memory, that can be filled to the last byte. Only root can mount one.</summary>
    private sealed class SmallDisk : IDisposable
    {
        private readonly string path;

        private SmallDisk(string path) => this.path = path;

        public static SmallDisk? TryMount(string path, int megabytes)
        {
            Directory.CreateDirectory(path);
            if (Environment.UserName != "root") return null;
            using var mount = Process.Start("mount", ["-t", "tmpfs", "-o", $"size={megabytes}m,mode=755", "tmpfs", path]);
            mount.WaitForExit();
            return mount.ExitCode == 0 ? new(path) : null;
        }

        public IDisposable Fill()
        {
            var filler = new FileStream(
                Path.Combine(path, "filler"), FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            var block = new byte[1 << 16];
            try
            {
                while (true) filler.Write(block);
            }
            catch (IOException)
            {
                return filler;
            }
        }

        public void Dispose()
        {
            using var unmount = Process.Start("umount", ["-l", path]);
            unmount.WaitForExit();
        }
    }
}
