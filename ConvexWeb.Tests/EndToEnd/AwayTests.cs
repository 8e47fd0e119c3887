using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// A browser that was away for longer than the server holds its page, such as that of a closed laptop: it comes back to what was there.
/// </summary>
[Trait("kind", "browser")]
[Collection(ProductCollection.Name)]
public sealed class AwayTests(Product product)
{
    // As the server does it when its patience with a browser that is gone has ended, and the browser when it is back.
    private const string AwayAndBack =
        """
        async () => {
          await Blazor.pauseCircuit();
          return await Blazor.resumeCircuit();
        }
        """;

    [Fact]
    public async Task What_was_typed_into_a_new_experiment_is_still_there()
    {
        var (page, _) = await product.Installation.OpenAsync("/new");
        await page.Locator("[data-testid=composer]:not([inert])").WaitForAsync();
        await page.Locator("#study-name").FillAsync("before the train");
        await page.Locator("#seeds").FillAsync("0-2");
        await page.Locator("#f-training-epochs").FillAsync("77");
        await page.GetByTestId("run-count").GetByText("3 runs").WaitForAsync();

        Assert.True(await page.EvaluateAsync<bool>(AwayAndBack));

        await Assertions.Expect(page.GetByTestId("run-count")).ToContainTextAsync("3 runs");
        await Assertions.Expect(page.Locator("#study-name")).ToHaveValueAsync("before the train");
        await Assertions.Expect(page.Locator("#f-training-epochs")).ToHaveValueAsync("77");
        // And it lives; what is typed in the moment in which the new circuit takes the page over is lost.
        await page.UntilAsync(async () =>
        {
            await page.Locator("#seeds").FillAsync("");
            await page.Locator("#seeds").FillAsync("0-3");
        }, page.GetByTestId("run-count").Filter(new() { HasText = "4 runs" }));
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task What_was_selected_in_the_list_is_still_there()
    {
        var run = await product.FinishedRunAsync();
        var (page, _) = await product.Installation.OpenAsync("/");
        var box = page.Locator($"tr:has(a[href='runs/{run}']) input[type=checkbox]");
        await box.WaitForAsync();
        await page.UntilAsync(() => box.ClickAsync(), page.Locator("strong", new() { HasText = "1 selected" }));

        Assert.True(await page.EvaluateAsync<bool>(AwayAndBack));

        await Assertions.Expect(page.Locator("strong", new() { HasText = "1 selected" })).ToBeVisibleAsync();
        await Assertions.Expect(box).ToBeCheckedAsync();
        await page.Context.CloseAsync();
    }
}
