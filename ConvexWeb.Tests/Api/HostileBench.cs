using System.Globalization;
using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Training;

namespace ConvexWeb.Tests.Api;

/// <summary>
/// <c>./convexweb bench hostile</c>: what generated requests leave in the memory of a server, a process of its own, and what hostile files
/// take of the process that reads them. The server has answered 16,000 others before, so that what is loaded and compiled once, and the
/// room that its collector keeps, are not counted; six kilobytes that each of 4,000 leaves behind would be seen.
/// </summary>
public sealed class HostileBench
{
    private const int Requests = 400;
    private const int Times = 10;
    private const int Batches = 5;
    private const double MostGrowth = 0.1;
    private const long MostFileMegabytes = 256;
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(10);

    [Fact(Explicit = true)]
    [Trait("bench", "hostile")]
    public async Task Four_thousand_requests_leave_the_memory_as_it_was()
    {
        await using var lab = await ProcessLab.StartAsync();
        var web = await lab.StartWebAsync();
        var token = await lab.AddUserAsync("ada");
        var asked = new List<string>();
        var memory = new List<long>();
        List<string> answers = [];
        for (var batch = 0; batch < Batches; batch++)
        {
            asked.Clear();
            answers.Clear();
            for (var turn = 0; turn < Times; turn++) answers.AddRange(await SendAsync(seed: 12 + batch * Times + turn));
            await Task.Delay(Rest);
            memory.Add(Memory());
        }

        var statuses = answers.Select(answer => answer.Length > 12 ? answer[9..12] : "none").ToList();
        ProcessLab.Say($"{answers.Count} requests: {string.Join(", ", statuses.CountBy(status => status).OrderBy(one => one.Key).Select(
            one => $"{one.Value} × {one.Key}"))}; memory after each {answers.Count}: "
            + $"{string.Join(", ", memory.Select(kilobytes => $"{kilobytes / 1024.0:0}"))} MB");
        Assert.All(asked.Zip(answers), pair => Assert.True(
            pair.Second.Length > 12 && pair.Second[9] != '5',
            $"{pair.First.ReplaceLineEndings("⏎")} is answered with {pair.Second.ReplaceLineEndings("⏎")}"));
        Assert.True(memory[^1] < memory[^2] * (1 + MostGrowth), $"{memory[^2]} kB before, {memory[^1]} kB after");

        async Task<IReadOnlyList<string>> SendAsync(int seed)
        {
            var all = new string[Requests];
            var requests = HostileRequests.Generate(Requests, web.Address.Authority, token, seed);
            asked.AddRange(requests);
            await Parallel.ForAsync(0, Requests, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (place, _) =>
                all[place] = await HostileRequests.AskAsync(web.Address, requests[place]));
            return all;
        }

        long Memory() => long.Parse(
            File.ReadLines($"/proc/{web.Process.Id}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
                .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    // Native memory counts too: libjpeg's, Skia's, torch's.
    [Fact(Explicit = true)]
    [Trait("bench", "hostile")]
    public async Task Sixty_files_take_little_memory_to_be_refused()
    {
        using var folder = new TestFolder();
        Assert.True(Peak.TryForget(), "This system does not tell how much memory a process has had.");
        var (most, worst, count) = (0L, "", 0);
        foreach (var (name, bytes) in HostileFileTests.Hostile())
        {
            var path = Path.Combine(folder.Path, name);
            await File.WriteAllBytesAsync(path, bytes);
            Peak.TryForget();
            var before = Peak.Megabytes();
            Assert.NotNull(HostileFileTests.Read(path).Problem);
            count++;
            if (Peak.Megabytes() - before is var taken && taken > most) (most, worst) = (taken, name);
        }
        ProcessLab.Say($"{count} files: at most {most} MB at once, for {worst}");
        Assert.True(most < MostFileMegabytes, $"{worst} took {most} MB");
    }
}
