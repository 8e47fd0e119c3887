using System.Globalization;
using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Api;

/// <summary>
/// <c>./convexweb bench hostile</c>: what generated requests leave in the memory of a server, a process of its own. It has answered others
/// of the kind before, so that what is loaded and compiled once is not counted.
/// </summary>
public sealed class HostileBench
{
    private const int Requests = 400;
    private const double MostGrowth = 0.1;
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(15);

    [Fact(Explicit = true)]
    [Trait("bench", "hostile")]
    public async Task Four_hundred_requests_leave_the_memory_as_it_was()
    {
        await using var lab = await ProcessLab.StartAsync();
        var web = await lab.StartWebAsync();
        var token = await lab.AddUserAsync("ada");
        for (var seed = 20; seed < 40; seed++) await SendAsync(seed);
        await Task.Delay(Rest);
        var before = Memory();

        var answers = await SendAsync(seed: 12);
        await Task.Delay(Rest);
        var after = Memory();

        var statuses = answers.Select(answer => answer.Length > 12 ? answer[9..12] : "none").ToList();
        ProcessLab.Say($"{Requests} requests: {string.Join(", ", statuses.CountBy(status => status).OrderBy(one => one.Key).Select(
            one => $"{one.Value} × {one.Key}"))}; memory {before / 1024.0:0} MB before, {after / 1024.0:0} MB after");
        Assert.DoesNotContain(statuses, status => status == "none" || status[0] == '5');
        Assert.True(after < before * (1 + MostGrowth), $"{before} kB before, {after} kB after");

        async Task<IReadOnlyList<string>> SendAsync(int seed)
        {
            var all = new string[Requests];
            var requests = HostileRequests.Generate(Requests, web.Address.Authority, token, seed);
            await Parallel.ForAsync(0, Requests, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (place, _) =>
                all[place] = await HostileRequests.AskAsync(web.Address, requests[place]));
            return all;
        }

        long Memory() => long.Parse(
            File.ReadLines($"/proc/{web.Process.Id}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
                .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
