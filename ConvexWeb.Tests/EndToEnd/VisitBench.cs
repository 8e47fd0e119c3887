using ConvexWeb.Tests.Support;
using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// <c>./convexweb bench visit</c>: what a first visit costs on a slow line, and a jump in a long list of runs. Chromium plays the line:
/// 10 Mbit/s and 40 ms. The product is as it is published, since a build's files are compressed otherwise.
/// </summary>
[Trait("kind", "browser")]
[Collection(ProductCollection.Name)]
public sealed class VisitBench(Product product)
{
    private const int Visits = 7, Jumps = 20, Runs = 75_000, MostBytes = 25 * 1024;

    // 1.3 times of what the pages before these took, published too, on the machine of the README's figures.
    private const double MostVisit = 1.3 * 320 * 1024;
    private static readonly TimeSpan LongestVisit = TimeSpan.FromSeconds(1.3 * 0.98);

    [Fact(Explicit = true)]
    [Trait("bench", "visit")]
    public async Task A_first_visit_on_a_slow_line()
    {
        await product.FinishedRunAsync();
        var (bytes, times) = (new List<double>(), new List<double>());
        for (var i = 0; i < Visits; i++)
        {
            var (page, _) = await product.Installation.OpenAsync("about:blank");
            var line = await page.Context.NewCDPSessionAsync(page);
            var loaded = 0.0;
            line.Event("Network.loadingFinished").OnEvent +=
                (_, told) => loaded += told!.Value.GetProperty("encodedDataLength").GetDouble();
            await line.SendAsync("Network.enable");
            await line.SendAsync("Network.emulateNetworkConditions", new Dictionary<string, object>
            {
                ["offline"] = false, ["latency"] = 40, ["downloadThroughput"] = 10e6 / 8, ["uploadThroughput"] = 10e6 / 8,
            });
            var begun = TimeProvider.System.GetTimestamp();
            await page.GotoAsync("/");
            await page.Locator("tr:has(a[href^='runs/'])").First.WaitForAsync();
            times.Add(TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds);
            await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
            bytes.Add(loaded);
            await page.Context.CloseAsync();
        }
        Say($"first visit of the runs, {Visits} times: {Middle(bytes) / 1024:0} KB compressed, first row after {Middle(times):0} ms");
        Assert.True(Middle(bytes) <= MostVisit, "a first visit weighs too much");
        Assert.True(Middle(times) <= LongestVisit.TotalMilliseconds, "a first visit takes too long");
    }

    [Fact(Explicit = true)]
    [Trait("bench", "visit")]
    public async Task A_jump_in_a_long_list()
    {
        var run = await product.FinishedRunAsync();
        await using var many = await ManyRuns.AddAsync(product.Installation.Database, run, Runs);
        await using var line = new CountedLine(product.Installation.Address);
        var (page, _) = await product.Installation.OpenAsync("about:blank");
        await page.SetViewportSizeAsync(1280, 900);
        await page.GotoAsync(line.Address.ToString());
        await page.Locator("tr[data-row]").First.WaitForAsync();
        var (bytes, times) = (new List<double>(), new List<double>());
        for (var i = 0; i < Jumps; i++)
        {
            await Task.Delay(1_000); // the page is still again, so that no late answer counts to this jump
            var before = line.Bytes;
            var begun = TimeProvider.System.GetTimestamp();
            await page.EvaluateAsync(
                "share => window.scrollTo(0, share * document.scrollingElement.scrollHeight)", (i * 7 % Jumps + 0.5) / Jumps);
            await page.WaitForFunctionAsync(
                "() => [...document.querySelectorAll('tr[data-row]')].filter(r => r.getBoundingClientRect().top < innerHeight "
                + "&& r.getBoundingClientRect().bottom > 0).length > 20");
            times.Add(TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds);
            await Task.Delay(500); // what comes after the rows, such as their live state, is part of the cost
            bytes.Add(line.Bytes - before);
        }
        Say($"a jump in {Runs:N0} runs, {Jumps} times: p50 {Middle(bytes) / 1024:0.0} KB on the wire, "
            + $"most {bytes.Max() / 1024:0.0} KB; rows in sight after p50 {Middle(times):0} ms");
        Assert.True(bytes.Max() <= MostBytes, "a jump costs too much");
    }

    private static double Middle(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }

    private static void Say(string line) => Xunit.TestContext.Current.TestOutputHelper?.WriteLine(line);
}
