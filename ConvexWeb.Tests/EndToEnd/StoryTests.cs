using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.Workers;
using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>What a researcher does on the first day, with the whole product and a browser.</summary>
[Collection(ProductCollection.Name)]
public sealed partial class StoryTests(Product product)
{
    [Fact]
    public async Task From_a_form_to_live_curves_to_a_checkpoint_to_a_comparison()
    {
        var (page, errors) = await product.Installation.OpenAsync("/new");
        await FillAsync(page);
        var run = await page.QueueAsync();
        await page.EvaluateAsync("() => { window.sameDocument = true; }");

        await WatchAsync(page);
        await page.State().ShowsAsync("Succeeded");
        var gap = await GapAsync(page);
        Assert.True(await page.EvaluateAsync<bool>("() => window.sameDocument === true"), "the page was loaded anew");

        await page.GetByRole(AriaRole.Tab, new() { Name = "Attempts and checkpoints" }).ClickAsync();
        await AssertDownloadsAsync(page);

        await page.GetByRole(AriaRole.Button, new() { Name = "Run again" }).ClickAsync();
        await page.WaitForURLAsync(url => !url.Contains($"/runs/{run}", StringComparison.Ordinal));
        var again = await page.RunAsync();
        await page.GetByTestId("run-head").GetByRole(AriaRole.Link, new() { Name = $"run {run}" }).WaitForAsync();
        await page.State().ShowsAsync("Succeeded");
        Assert.Equal(gap, await GapAsync(page)); // same spec, same seed

        await page.GotoAsync("/");
        foreach (var id in new[] { run, again })
        {
            var box = page.Locator($"tr:has(a[href='runs/{id}']) input[type=checkbox]");
            await page.UntilAsync(() => box.CheckAsync(), page.Locator($"tr.selected:has(a[href='runs/{id}'])"));
        }
        await page.GetByRole(AriaRole.Region, new() { Name = "Selected runs" })
            .GetByRole(AriaRole.Link, new() { Name = "Compare" }).ClickAsync();
        await page.Locator("h1").ShowsAsync("2 runs");
        await Assertions.Expect(page.Locator("[data-chart]").First.GetByTitle("show or hide")).ToHaveCountAsync(2);
        await Assertions.Expect(page.Locator("[data-chart] canvas").First).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByTestId("numbers").Locator("tr[data-row]", new() { HasText = gap })).ToHaveCountAsync(2);

        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task A_running_run_is_cancelled_at_once_and_leaves_a_checkpoint()
    {
        var (page, errors) = await product.Installation.OpenAsync("/new?preset=demo-glyphs");
        await page.ListensAsync();
        await page.Field("training.epochs").FillAsync("5000");
        await page.GetByTestId("estimate").ShowsAsync("395,000");
        await page.QueueAsync();
        await page.State().ShowsAsync("Running");
        await page.DrawnAsync(atLeast: 2);

        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel", Exact = true }).ClickAsync();
        var sure = page.GetByRole(AriaRole.Button, new() { Name = "Cancel the run" });
        await sure.WaitForAsync();
        var asked = TimeProvider.System.GetTimestamp();
        await sure.ClickAsync();
        await page.State().ShowsAsync("Cancelled");
        var took = TimeProvider.System.GetElapsedTime(asked);

        // Stopped because it was asked to, not killed when it did not listen; how quickly is a line of bench latency.
        Assert.True(took < new WorkerSettings().StopPatience, $"{took}");
        await page.GetByRole(AriaRole.Tab, new() { Name = "Attempts and checkpoints" }).ClickAsync();
        await page.GetByRole(AriaRole.Region, new() { Name = "Checkpoints, table" })
            .GetByRole(AriaRole.Rowheader, new() { Name = "last" }).WaitForAsync();
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task The_tickets_of_the_queue_can_be_looked_at_under_our_content_security_policy()
    {
        var run = await product.FinishedRunAsync();
        var (page, errors) = await product.Installation.OpenAsync("/workers");
        await page.GetByTestId("worker").First.WaitForAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Tickets of the queue" }).ClickAsync();
        await page.GetByRole(AriaRole.Heading, new() { Name = "Overview" }).First.WaitForAsync();
        foreach (var path in new[] { "/hangfire/jobs/succeeded", "/hangfire/servers", "/hangfire/recurring", "/hangfire/retries" })
            await page.GotoAsync(path);
        var job = await product.Installation.Database.ScalarAsync<long>(
            "select jobid from hangfire.jobparameter where name = 'Item' and value like '%run ' || @run || ',%' limit 1", new { run });
        await page.GotoAsync($"/hangfire/jobs/details/{job}");

        await page.GetByText($"Run {run}, attempt 1: succeeded").First.WaitForAsync();
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    private static async Task FillAsync(IPage page)
    {
        await page.ListensAsync();
        await page.ChooseAsync("data.name", "MNIST");
        await Assertions.Expect(page.Field("data.train_size")).ToHaveCountAsync(0);
        await page.ChooseAsync("data.name", "Glyphs");

        var submit = page.GetByRole(AriaRole.Button, new() { Name = "Queue the run" });
        var problem = page.Locator("#f-model-width-problem");
        await page.Field("model.width").FillAsync("many");
        await problem.ShowsAsync("model.width must be a whole number");
        await Assertions.Expect(submit).ToBeDisabledAsync();
        await page.Field("model.width").FillAsync("96");
        await Assertions.Expect(problem).ToHaveCountAsync(0);
        await Assertions.Expect(submit).ToBeEnabledAsync();

        foreach (var (path, value) in new[]
        {
            ("data.train_size", "1500"), ("data.test_size", "300"),
            ("training.epochs", "40"), ("training.batch_size", "50"), ("training.points_every", "4"),
        })
            await page.Field(path).FillAsync(value);
        await page.Locator("#study-name").FillAsync("first day");
        await page.GetByTestId("estimate").ShowsAsync("1,200"); // steps: 30 an epoch × 40
    }

    // Points come while it trains: the drawn batches and the rows of a chart's table grow, with nothing loaded anew.
    private static async Task WatchAsync(IPage page)
    {
        await page.Locator("[data-live]").ShowsAsync("live");
        await page.DrawnAsync(atLeast: 1);
        var chart = page.Locator("[data-chart='Running training loss']");
        await chart.GetByRole(AriaRole.Button, new() { Name = "View as table" }).ClickAsync();
        var lines = chart.GetByRole(AriaRole.Region, new() { Name = "as a table" }).Locator("tr");
        var (drawn, rows) = (await page.DrawnAsync(), await lines.CountAsync());
        await page.DrawnAsync(atLeast: drawn + 4);
        Assert.Equal("Running", await page.State().InnerTextAsync());
        Assert.True(await lines.CountAsync() > rows, "the table of the chart did not grow");
        await Assertions.Expect(page.Locator("[data-chart] canvas").First).ToBeVisibleAsync();
    }

    private static async Task<string> GapAsync(IPage page)
    {
        var text = await page.GetByTestId("gap-now").InnerTextAsync();
        var numbers = Number().Matches(text)
            .Select(match => double.Parse(match.Value.Replace('−', '-'), CultureInfo.InvariantCulture)).ToList();
        Assert.True(numbers.Count == 3, text); // gap, train, test
        Assert.InRange(numbers[0] - (numbers[1] - numbers[2]), -0.011, 0.011);
        return numbers[0].ToString("0.00", CultureInfo.InvariantCulture).TrimStart('-');
    }

    private static async Task AssertDownloadsAsync(IPage page)
    {
        var row = page.Locator("tr:has(a[download])").First;
        var sha = await row.Locator("td.mono").GetAttributeAsync("title");
        var download = await page.RunAndWaitForDownloadAsync(() => row.Locator("a[download]").ClickAsync());
        var bytes = await File.ReadAllBytesAsync((await download.PathAsync())!);
        Assert.EndsWith(".safetensors", download.SuggestedFilename, StringComparison.Ordinal);
        Assert.Equal(sha, Convert.ToHexStringLower(SHA256.HashData(bytes)));

        using var header = JsonDocument.Parse(bytes.AsMemory(8, (int)BinaryPrimitives.ReadInt64LittleEndian(bytes)));
        Assert.Contains(header.RootElement.EnumerateObject(), tensor => tensor.Name.EndsWith("weight", StringComparison.Ordinal));
    }

    [GeneratedRegex(@"[-−+]?\d+\.\d+")]
    private static partial Regex Number();
}
