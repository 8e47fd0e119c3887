namespace ConvexWeb.Tests.EndToEnd;

/// <summary>A list of runs that is longer than what is read of it at first.</summary>
[Trait("kind", "browser")]
[Collection(ProductCollection.Name)]
public sealed class LongListTests(Product product)
{
    private const int Added = 120;

    [Theory]
    [InlineData(1280)]
    [InlineData(400)]
    public async Task It_is_as_long_as_it_will_be_before_anybody_scrolls_and_its_end_is_the_last_run(int width)
    {
        var run = await product.FinishedRunAsync();
        await using var many = await ManyRuns.AddAsync(product.Installation.Database, run, Added);
        var (page, _) = await product.Installation.OpenAsync("about:blank");
        await page.SetViewportSizeAsync(width, 900);

        await page.GotoAsync("/");
        await page.Locator("tr[data-row]").First.WaitForAsync();

        // So many rows of the height of the first: a card's height depends on its texts.
        await page.WaitForFunctionAsync(
            """
            () => {
              const total = Number(document.querySelector('[data-testid=count]').textContent.replace(/\D/g, ''));
              const row = document.querySelector('tr[data-row]').offsetHeight;
              return document.scrollingElement.scrollHeight > 0.9 * total * row;
            }
            """);
        var oldest = await page.EvaluateAsync<string>(
            "() => fetch('api/v1/runs?limit=500').then(r => r.json()).then(page => String(Math.min(...page.items.map(row => row.id))))");
        // Cards are not all of one height, so that the end may move while they come.
        await page.UntilAsync(() => page.Keyboard.PressAsync("End"), page.Locator($"tr[data-row='{oldest}']"));
        await page.Context.CloseAsync();
    }
}
