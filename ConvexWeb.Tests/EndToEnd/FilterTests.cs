using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>What is typed into a filter is in the address, however soon one goes on, and the field shows what the address has.</summary>
[Trait("kind", "browser")]
[Collection(ProductCollection.Name)]
public sealed class FilterTests(Product product)
{
    private const string Search = "#search-runs";

    [Theory]
    [InlineData("/", Search, "q")]
    [InlineData("/audit", "#audit-actor", "actor")]
    [InlineData("/audit", "#audit-about", "about")]
    public async Task A_field_that_is_left_at_once_keeps_what_was_typed(string path, string field, string name)
    {
        var page = await OpenAsync(path);

        await page.Locator(field).PressSequentiallyAsync("glyphs");
        await page.Keyboard.PressAsync("Tab");

        await AgreeAsync(page, field, name, "glyphs");
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task A_space_between_two_words_stays_while_one_types()
    {
        var page = await OpenAsync("/audit");

        await page.Locator("#audit-about").PressSequentiallyAsync("run 1", new() { Delay = 500 });

        await AgreeAsync(page, "#audit-about", "about", "run 1");
        await page.Context.CloseAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")] // and at once
    public async Task Escape_clears_the_search(string typed)
    {
        var page = await OpenAsync("/?q=glyphs");
        await Assertions.Expect(page.Locator(Search)).ToHaveValueAsync("glyphs");

        await page.Locator(Search).FocusAsync();
        await page.Locator(Search).PressSequentiallyAsync(typed);
        await page.Keyboard.PressAsync("Escape");

        await AgreeAsync(page, Search, "q", "");
        await Assertions.Expect(page.Locator(Search)).Not.ToBeFocusedAsync();
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task A_state_that_is_clicked_at_once_after_typing_leaves_field_and_address_in_agreement()
    {
        var page = await OpenAsync("/");

        await page.Locator(Search).PressSequentiallyAsync("glyphs");
        await page.GetByRole(AriaRole.Group, new() { Name = "State" })
            .GetByRole(AriaRole.Link, new() { Name = "Succeeded" }).ClickAsync();

        await AgreeAsync(page, Search, "q", null);
        Assert.Contains("state=Succeeded", page.Url, StringComparison.Ordinal);
        await page.Context.CloseAsync();
    }

    private async Task<IPage> OpenAsync(string path)
    {
        await product.FinishedRunAsync(); // without a run there is nothing to filter
        var (page, _) = await product.Installation.OpenAsync(path);
        await page.Locator("[role=search]:not([inert])").WaitForAsync();
        return page;
    }

    // Once field and address show the same, and a certain text where one is named, for longer than typing and answers may take.
    private static Task AgreeAsync(IPage page, string field, string name, string? text)
        => page.WaitForFunctionAsync(
            """
            ([field, name, text]) => {
              const shown = document.querySelector(field)?.value;
              const asked = new URL(location.href).searchParams.get(name) ?? '';
              if (shown !== asked || (text !== null && shown !== text)) { window.agreed = 0; return false; }
              window.agreed ||= performance.now();
              return performance.now() - window.agreed > 1000;
            }
            """, new[] { field, name, text }, new() { Timeout = 10_000, PollingInterval = 50 });
}
