using System.Globalization;
using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;

namespace ConvexWeb.Tests.Scheduling;

/// <summary>
/// <c>./convexweb bench simulation</c>: a thousand items of five users and five levels on four workers of two sizes, with two slots each,
/// of which ten are killed on the way. Afterwards every claim is compared with the policy, written once more here. Real are the worker
/// processes and PostgreSQL with the product's settings; the trainer is a script that sleeps for as long as the item says, so that the
/// work is known and the rest is overhead. The web node shares the bench's process.
/// </summary>
public sealed class SimulationBench(PostgresCluster cluster) : DatabaseTest(cluster, durable: true)
{
    private const int Items = 1000;
    private const int Kills = 10;
    private const int Slots = 2;
    private const int UserLimit = 4;
    private const int StudyLimit = 3;

    // What a step of the trainer's script sleeps, and what an item may cost a slot beside its sleep; both in seconds.
    private const double StepSeconds = 0.03;
    private const double MostOverhead = 1.2;

    // A worker that hangs must not hold up a session for ever.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    // An end whose transaction was under way when a claim looked, may be seen by it or not.
    private static readonly TimeSpan Doubt = TimeSpan.FromMilliseconds(150);

    private static readonly string[] Users = ["ada", "bob", "cleo", "dan", "eve"];
    private static readonly int[] Shares = [500, 200, 150, 100, 50];
    private static readonly Dictionary<string, double> Weights = new() { ["ada"] = 2, ["eve"] = 0.5 };
    private static readonly Dictionary<string, int> Limits = new() { ["bob"] = 2 };
    private static readonly Dictionary<string, int> Sizes = new() { ["w0"] = 4000, ["w1"] = 4000, ["w2"] = 8000, ["w3"] = 8000 };

    private sealed record Claim(
        long Item, int Number, string Worker, DateTimeOffset StartedAt, DateTimeOffset EndedAt, string Outcome, string CreatedBy,
        short Priority, int MemoryMb, long StudyId);

    private sealed record Need(long Id, int MemoryMb);

    [Fact(Explicit = true)]
    [Trait("bench", "simulation")]
    public async Task A_thousand_items_go_as_the_policy_says_whatever_is_killed()
    {
        var random = new Random(1);
        await Database.ExecuteAsync($"update lab set user_running = {UserLimit}, study_running = {StudyLimit}");
        foreach (var user in Users)
        {
            await Database.ExecuteAsync(
                "insert into user_shares (user_name, weight, max_running) values (@user, @weight, @most)",
                new
                {
                    user,
                    weight = Weights.GetValueOrDefault(user, 1),
                    most = Limits.TryGetValue(user, out var most) ? most : (int?)null,
                });
        }
        var studies = new List<long>();
        for (var i = 0; i < 40; i++)
            studies.Add(await Database.ScalarAsync<long>("insert into studies (name, created_by) values ('s', 'x') returning id"));
        var owners = Users.Zip(Shares).SelectMany(pair => Enumerable.Repeat(pair.First, pair.Second)).OrderBy(_ => random.Next()).ToList();
        var work = 0.0;
        foreach (var user in owners)
        {
            var (steps, priority) = (random.Next(4, 16), (Priority)(1 + random.Next(5)));
            work += steps * StepSeconds;

            // High and urgent ones take no slot from a run: a run yields only when it has gone on for half a minute, and none here does.
            await Database.AddRunAsync(
                string.Create(CultureInfo.InvariantCulture, $$"""{"steps":{{steps}},"every":5,"pause":{{StepSeconds}}}"""), priority,
                user: user, memory: 500 * random.Next(1, 14), study: studies[random.Next(studies.Count)]);
        }

        // As it is asked for: what an item was seen to need takes its place when it has ended.
        var needs = (await Database.RowsAsync<Need>("select id, memory_mb from work_items"))
            .ToDictionary(item => item.Id, item => item.MemoryMb);
        var begun = TimeProvider.System.GetTimestamp();
        await using var web = await StartNodeAsync(("Convex:Role", "web"));
        var workers = Sizes.Keys.ToDictionary(name => name, Start);
        for (var kill = 0; kill < Kills; kill++)
        {
            var share = (kill + 1) * Items / (Kills + 1);
            await Database.UntilAsync($"select count(*) >= {share} from work_items where state = 'Succeeded'", patience: Patience);
            var name = workers.Keys.ElementAt(random.Next(4));
            await workers[name].KillAsync();
            await workers[name].DisposeAsync();
            await Task.Delay(random.Next(3000));
            workers[name] = Start(name);
        }
        await Database.UntilAsync($"select count(*) = {Items} from work_items where state = 'Succeeded'", patience: Patience);
        var elapsed = TimeProvider.System.GetElapsedTime(begun);
        foreach (var worker in workers.Values) await worker.DisposeAsync();

        var stored = await Database.RowsAsync<Claim>(
            """
            select a.item_id as item, a.number, a.worker, a.started_at, a.ended_at, a.outcome, i.created_by, i.priority, i.memory_mb,
            i.study_id
            from attempts a join work_items i on i.id = a.item_id order by a.started_at
            """);
        var claims = stored.Select(claim => claim with { MemoryMb = needs[claim.Item] }).ToList();
        Assert.Equal(Items, claims.Where(claim => claim.Outcome == "succeeded").Select(claim => claim.Item).Distinct().Count());
        Assert.Equal(Items, claims.Count(claim => claim.Outcome == "succeeded"));
        Assert.Empty(Overlaps());
        var wrong = claims.Where(claim => !IsByThePolicy(claim, claims)).ToList();

        Say($"{Items} items, {claims.Count} claims, {claims.Count(claim => claim.Outcome == "lost")} lost in {Kills} kills, "
            + $"{wrong.Count} against the policy; the trainer is a script that sleeps, PostgreSQL waits for the disk");
        foreach (var user in Users)
            Say($"  {user}: {claims.Take(200).Count(claim => claim.CreatedBy == user)} of the first 200 claims");
        foreach (var level in claims.GroupBy(claim => claim.Priority).OrderByDescending(level => level.Key))
        {
            var first = level.Where(claim => claim.Number == 1).ToList();
            var last = (first.Max(claim => claim.StartedAt) - claims[0].StartedAt).TotalSeconds;
            Say($"  {(Priority)level.Key}: {first.Count} items, the last of them began after {last:0} s");
        }
        Assert.True(wrong.Count == 0, string.Join("; ", wrong.Take(5)));
        SayOverhead(work, elapsed.TotalSeconds, claims);
    }

    // All slots from the first second to the last, whatever was down or could not start anything, beside what the trainers were told to
    // sleep.
    private static void SayOverhead(double work, double elapsed, IReadOnlyList<Claim> claims)
    {
        var there = elapsed * Sizes.Count * Slots;
        var held = claims.Sum(claim => (claim.EndedAt - claim.StartedAt).TotalSeconds);
        var overhead = (there - work) / Items;
        Say($"{elapsed:0} s in {Sizes.Count * Slots} slots are {there:0} s of slots for {work:0} s of told work: "
            + $"overhead {overhead:0.00} s an item, {(held - work) / Items:0.00} s of it in a held slot (processes that start and end, "
            + $"storing, attempts that were lost) and {(there - held) / Items:0.00} s in a free one (the next claim, limits, memory, "
            + "workers that were down)");
        Assert.True(overhead < MostOverhead, $"{overhead:0.00} s of overhead an item");
    }

    // Runs of which two processes were at work at once: by what each has written itself and when, whatever the database has of it.
    private List<string> Overlaps()
    {
        var runs = Directory.GetDirectories(Path.Combine(Folder, "runs")).SelectMany(Directory.GetDirectories).ToList();
        Assert.Equal(Items, runs.Count);
        var twice = runs.Select(run => (Run: run, Attempts: Directory.GetFiles(run, "metrics.jsonl", SearchOption.AllDirectories)
                .Select(Span).OrderBy(span => span.From).ToList()))
            .Where(run => run.Attempts.Count > 1).ToList();
        Say($"{twice.Count} runs had several processes, whose own journals say when each began and ended");
        return [.. twice.Where(run => run.Attempts.Zip(run.Attempts.Skip(1)).Any(pair => pair.Second.From < pair.First.To))
            .Select(run => run.Run)];

        static (DateTimeOffset From, DateTimeOffset To) Span(string journal)
        {
            var lines = File.ReadAllLines(journal).Where(line => line.EndsWith('}')).ToList();
            return (At(lines[0]), At(lines[^1]));
        }

        static DateTimeOffset At(string line)
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.GetProperty("at").GetDateTimeOffset();
        }
    }

    // Right if it is the policy's choice, with or without each of the ends that it may or may not have seen.
    private static bool IsByThePolicy(Claim claim, IReadOnlyList<Claim> claims)
    {
        var at = claim.StartedAt;
        var running = claims.Where(other => other.StartedAt < at && other.EndedAt > at).ToList();
        var doubtful = claims.Where(other => other.EndedAt <= at && other.EndedAt > at - Doubt).ToList();
        for (var choice = 0; choice < 1 << Math.Min(doubtful.Count, 10); choice++)
        {
            var unseen = doubtful.Where((_, place) => (choice >> place & 1) == 1).ToList();
            if (Best(claim, claims, [.. running, .. unseen]) == claim.Item) return true;
        }
        return false;
    }

    private static long? Best(Claim claim, IReadOnlyList<Claim> claims, List<Claim> running)
    {
        var at = claim.StartedAt;
        var free = (int)(Sizes[claim.Worker]) - running.Where(other => other.Worker == claim.Worker).Sum(other => other.MemoryMb);
        var started = claims.Where(other => other.StartedAt < at).ToList();
        var done = started.Where(other => other.Outcome == "succeeded").Select(other => other.Item)
            .Concat(running.Select(other => other.Item)).ToHashSet();
        var served = started.Where(other => other.Number == 1).GroupBy(other => other.CreatedBy)
            .ToDictionary(own => own.Key, own => own.Max(other => other.StartedAt));
        var tried = started.Select(other => other.Item).ToHashSet();
        return claims.Where(item => item.Number == 1 && !done.Contains(item.Item))
            .Where(item => item.MemoryMb <= free && Of(item.CreatedBy) < Limits.GetValueOrDefault(item.CreatedBy, UserLimit)
                && running.Count(other => other.StudyId == item.StudyId) < StudyLimit)
            .OrderByDescending(item => item.Priority).ThenByDescending(item => tried.Contains(item.Item))
            .ThenBy(item => Of(item.CreatedBy) / Weights.GetValueOrDefault(item.CreatedBy, 1))
            .ThenBy(item => served.GetValueOrDefault(item.CreatedBy, DateTimeOffset.MinValue)).ThenBy(item => item.Item)
            .FirstOrDefault()?.Item;

        int Of(string user) => running.Count(other => other.CreatedBy == user);
    }

    private WorkerProcess Start(string name) => WorkerProcess.Start(
        ConnectionString, Folder, name, settings:
        [
            ("Convex:Worker:Slots", $"{Slots}"), ("Convex:Worker:Lease", "00:00:08"),
            ("Convex:Worker:DeviceMemory", string.Create(CultureInfo.InvariantCulture, $"cpu={Sizes[name]}")),
        ]);

    private static void Say(string line) => Xunit.TestContext.Current.TestOutputHelper?.WriteLine(line);
}
