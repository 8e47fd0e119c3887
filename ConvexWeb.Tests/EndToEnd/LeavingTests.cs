using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>Pages that are left before all of them has come.</summary>
[Trait("kind", "browser")]
[Collection(ProductCollection.Name)]
public sealed class LeavingTests(Product product)
{
    [Theory]
    [InlineData("**/dist/charts*.js")]
    [InlineData("**/points?*")]
    public async Task What_comes_late_for_a_page_that_was_left_changes_nothing_on_the_next(string late)
    {
        var run = await product.FinishedRunAsync();
        var (page, errors) = await product.Installation.OpenAsync("/");
        await page.Locator("tr[data-row]").First.WaitForAsync();
        var held = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        await page.RouteAsync(late, async route =>
        {
            asked.TrySetResult();
            await held.Task;
            await route.ContinueAsync();
        });
        await page.Locator($"a[href='runs/{run}']").First.ClickAsync();
        await page.GetByTestId("run-head").WaitForAsync();
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(20), Xunit.TestContext.Current.CancellationToken);

        await page.GetByRole(AriaRole.Link, new() { Name = "Workers", Exact = true }).ClickAsync();
        await page.GetByTestId("worker").First.WaitForAsync();
        held.SetResult();
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        await page.GetByRole(AriaRole.Link, new() { Name = "New experiment" }).First.ClickAsync();
        await page.ListensAsync(); // the circuit has worked off what came late

        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToHaveCountAsync(0);
        Assert.Equal("/new", new Uri(page.Url).PathAndQuery);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }
}
