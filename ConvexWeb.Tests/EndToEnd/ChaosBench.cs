using System.Globalization;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// <c>./convexweb bench chaos</c>: a web node and two workers as they are delivered, true trainings, and in each round one to three faults
/// (<see cref="ChaosSchedule"/>). Whatever they are, each run ends with every point once and the weights of the undisturbed run, bit for
/// bit; the items of a dead worker run again within 15 s, and a worker that lives loses none, however long the database was away.
/// <c>CONVEX_ROUNDS</c> rounds (200), beginning with number <c>CONVEX_ROUND</c> (1): a round's faults depend on its number alone, so that
/// 200 rounds may be had in several calls.
/// </summary>
public sealed class ChaosBench
{
    private const string Spec = """
        {"model":{"name":"mlp","width":128},"data":{"name":"glyphs","train_size":2000,"test_size":500},
         "training":{"epochs":40,"batch_size":50,"points_every":5}}
        """;

    // Of the faults that the schedule puts first: now and then a run has ended in the moment when it is to be hit.
    private const double LeastHits = 0.8;

    private static readonly int[] Seeds = [1, 2];

    /// <summary>What a run has when nothing happens to it.</summary>
    private sealed record Whole(IReadOnlyList<string> Points, string Weights);

    [Fact(Explicit = true)]
    [Trait("bench", "chaos")]
    public async Task Every_run_ends_whole_whatever_happens()
    {
        await using var lab = await ChaosLab.StartAsync();
        if (!lab.HasSmallDisks) ProcessLab.Say("No small disks can be mounted here: no round fills one.");
        var whole = new List<Whole>();
        foreach (var run in await lab.SubmitAsync(Spec, Seeds))
        {
            await lab.Database.UntilAsync(run, RunState.Succeeded);
            whole.Add(new(await lab.Database.PointsAsync(run), TrueTraining.Weights(lab.DataFolder, run)));
        }
        Assert.All(whole, run => Assert.Equal(run.Points.Distinct(), run.Points));
        ProcessLab.Say($"undisturbed: {whole[0].Points.Count} points a run");

        var (first, rounds) = (Number("CONVEX_ROUND", 1), Number("CONVEX_ROUNDS", 200));
        var begun = TimeProvider.System.GetTimestamp();
        var happened = new List<ChaosLab.Event>();
        for (var round = first; round < first + rounds; round++) happened.AddRange(await RoundAsync(lab, round, whole));

        ProcessLab.Say($"{rounds} rounds, {Seeds.Length * rounds} runs, {happened.Count(item => item.Hit)} faults in "
            + $"{TimeProvider.System.GetElapsedTime(begun).TotalMinutes:0} min: each point once, same values, same weights; "
            + $"{lab.Requeued} runs were Failed by a full disk and queued again");
        var counts = happened.Where(item => item.Hit).CountBy(item => item.Fault).ToDictionary();
        ProcessLab.Say(string.Join(", ", counts.OrderBy(count => count.Key).Select(count => $"{count.Value} × {count.Key.Words()}"))
            + $"; {happened.Count(item => !item.Hit)} came when a run had ended");
        foreach (var (fault, times) in lab.TakenOver.OrderBy(taken => taken.Key)) Say($"{fault.Words()}: items ran again", times);
        AssertNoneWasLeftToChance(lab, Enumerable.Range(first, rounds), counts);
    }

    private static async Task<IReadOnlyList<ChaosLab.Event>> RoundAsync(ChaosLab lab, int round, List<Whole> whole)
    {
        var began = TimeProvider.System.GetTimestamp();
        var random = new Random(round);
        var runs = await lab.SubmitAsync(Spec, Seeds);
        var happened = new List<ChaosLab.Event>();
        foreach (var fault in ChaosSchedule.More(random).Prepend(ChaosSchedule.First(round)))
            happened.Add(await lab.DisturbAsync(fault, runs, random));
        foreach (var run in runs) await lab.EndAsync(run);

        for (var i = 0; i < runs.Length; i++)
        {
            Assert.Equal(whole[i].Points, await lab.Database.PointsAsync(runs[i]));
            Assert.Equal(whole[i].Weights, TrueTraining.Weights(lab.DataFolder, runs[i]));
        }
        await lab.AssertSettledAsync(runs);
        var outcomes = new List<string>();
        foreach (var run in runs) outcomes.Add(await lab.Database.OutcomesAsync(run));

        // The lab's disk is small, and is to be full only when it is that fault's turn.
        foreach (var run in runs) Directory.Delete(RunFiles.Of(lab.DataFolder, run), recursive: true);
        ProcessLab.Say($"round {round,3}: {string.Join("; ", happened)} | {string.Join(" / ", outcomes)} | "
            + $"{TimeProvider.System.GetElapsedTime(began).TotalSeconds:0} s");
        if (!happened.Exists(item => item.MayLose)) Assert.DoesNotContain(outcomes, all => all.Contains("lost", StringComparison.Ordinal));
        return happened;
    }

    private static void AssertNoneWasLeftToChance(ChaosLab lab, IEnumerable<int> rounds, Dictionary<Fault, int> counts)
    {
        foreach (var (fault, times) in rounds.CountBy(ChaosSchedule.First))
        {
            if (fault is Fault.DataDiskFull or Fault.DatabaseDiskFull && !lab.HasSmallDisks) continue;
            var hits = counts.GetValueOrDefault(fault);
            Assert.True(hits >= (int)(LeastHits * times), $"{fault.Words()}: {hits} times, of {times} that were planned");
        }
    }

    private static void Say(string what, List<double> seconds)
    {
        var sorted = seconds.Order().ToList();
        ProcessLab.Say(string.Create(
            CultureInfo.InvariantCulture,
            $"{what} {sorted.Count} times, after p50 {At(0.5):0.0} s, p95 {At(0.95):0.0} s, at most {sorted[^1]:0.0} s"));

        double At(double share) => sorted[(int)(share * (sorted.Count - 1))];
    }

    private static int Number(string variable, int otherwise)
        => int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : otherwise;
}
