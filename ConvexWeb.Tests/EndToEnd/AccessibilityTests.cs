using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// Every page in every state, in both themes, wide and narrow: axe finds nothing, and nothing makes the page itself scroll sideways.
/// </summary>
[Collection(ProductCollection.Name)]
public sealed class AccessibilityTests(Product product, Browser browser)
{
    // What a test makes happen: a script that is held back, a table that is away.
    private static readonly string[] Expected = ["net::ERR_FAILED"];

    // Contrast goes with the theme and layout with the width: two looks have both of each.
    private static readonly (int Width, ColorScheme Theme)[] TwoLooks = [(1280, ColorScheme.Light), (400, ColorScheme.Dark)];
    private static readonly (int Width, ColorScheme Theme)[] OtherLooks = [(1280, ColorScheme.Dark), (400, ColorScheme.Light)];

    [Fact]
    public Task No_page_has_a_violation() => NoneAsync(TwoLooks);

    /// <summary>The combinations that the test leaves out: <c>./convexweb bench axe</c>.</summary>
    [Fact(Explicit = true)]
    [Trait("bench", "axe")]
    public Task No_page_has_one_in_the_other_combinations() => NoneAsync(OtherLooks);

    private async Task NoneAsync((int Width, ColorScheme Theme)[] looks)
    {
        await using var viewers = await Viewers.PrepareAsync(product, browser);
        var found = new List<string>();
        foreach (var (page, errors, states) in viewers.All)
        {
            foreach (var state in states)
            {
                await page.SetViewportSizeAsync(1280, 900);
                await Viewers.LookAsync(page, state, () => EveryLookAsync(page, state.Name, looks, found));
            }
            Assert.DoesNotContain(errors, error => !Expected.Any(error.Contains));
        }
        Assert.True(found.Count == 0, string.Join('\n', found));
    }

    [Fact]
    public async Task A_dialog_takes_the_focus_keeps_it_and_gives_it_back()
    {
        var run = await product.FinishedRunAsync();
        var (page, _) = await product.Installation.OpenAsync("/");
        var box = page.Locator($"tr:has(a[href='runs/{run}']) input[type=checkbox]");
        await box.WaitForAsync();
        var keys = page.GetByRole(AriaRole.Button, new() { Name = "Keyboard" });
        await keys.FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.GetByRole(AriaRole.Dialog).WaitForAsync();

        for (var i = 0; i < 6; i++)
        {
            await page.Keyboard.PressAsync("Tab");
            // At its end the focus is led back to its beginning, by way of the server.
            await page.WaitForFunctionAsync("() => document.activeElement.closest('[role=dialog]')", null, new() { Timeout = 5_000 });
        }
        await page.Keyboard.PressAsync("Escape");

        await Assertions.Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        await Assertions.Expect(keys).ToBeFocusedAsync();
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task A_button_that_goes_with_its_row_leaves_the_focus_to_the_heading_of_its_panel()
    {
        var (page, _) = await product.Installation.OpenAsync("/confirm");
        await page.ConfirmedAccountAsync();
        var create = page.GetByRole(AriaRole.Button, new() { Name = "Create a token", Disabled = false });
        await page.UntilAsync(() => page.Locator("#token-name").FillAsync("to be revoked"), create);
        await create.ClickAsync();
        var revoke = page.GetByRole(AriaRole.Button, new() { Name = "Revoke to be revoked" });
        await revoke.FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        // The dialog takes the focus when it is there: a person comes after that.
        await Assertions.Expect(page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Keep it" })).ToBeFocusedAsync();
        var confirm = page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Revoke" });
        await confirm.FocusAsync();
        await page.Keyboard.PressAsync("Enter");

        await Assertions.Expect(revoke).ToHaveCountAsync(0);
        var heading = page.GetByTestId("tokens").GetByRole(AriaRole.Heading, new() { Name = "API tokens" });
        await Assertions.Expect(heading).ToBeFocusedAsync();
        await Assertions.Expect(heading).ToBeInViewportAsync();
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task A_row_that_changes_keeps_the_focus_and_keys_go_on_from_it()
    {
        await product.FinishedRunAsync(); // the row below
        using var client = await product.Installation.ClientAsync();
        var run = await client.SubmitAsync(
            """
            {"model":{"name":"mlp","width":32},"data":{"name":"glyphs","train_size":300,"test_size":100},
             "training":{"epochs":4000,"batch_size":50,"points_every":2}}
            """, 0);
        await product.Installation.Database.UntilAsync(run, RunState.Running);
        var (page, _) = await product.Installation.OpenAsync("/");
        var row = page.Locator($"tr[data-row='{run}']");
        var link = row.Locator($"a[href='runs/{run}']");
        await link.FocusAsync();
        var before = await row.GetByRole(AriaRole.Progressbar).GetAttributeAsync("title");

        await Assertions.Expect(row.GetByRole(AriaRole.Progressbar)).Not.ToHaveAttributeAsync("title", before!, new() { Timeout = 20_000 });
        await Assertions.Expect(link).ToBeFocusedAsync();

        await page.Keyboard.PressAsync("j");
        var next = await page.EvaluateAsync<string>("() => document.activeElement.dataset.row");
        Assert.True(long.Parse(next) < run, $"after run {run} came {next}");
        await page.Keyboard.PressAsync("k");
        await page.Keyboard.PressAsync("x");
        await Assertions.Expect(row.GetByRole(AriaRole.Checkbox)).ToBeCheckedAsync();
        await client.PostAsync($"/api/v1/runs/{run}/cancel", null);
        await page.Context.CloseAsync();
    }

    private static async Task EveryLookAsync(IPage page, string where, (int Width, ColorScheme Theme)[] looks, List<string> found)
    {
        foreach (var (width, theme) in looks)
        {
            await page.SetViewportSizeAsync(width, 900);
            await page.EmulateMediaAsync(new() { ColorScheme = theme, ReducedMotion = ReducedMotion.Reduce });
            found.AddRange(await ProblemsAsync(page, $"{where} {width} {theme}"));
        }
    }

    private static async Task<List<string>> ProblemsAsync(IPage page, string where)
    {
        // Axe judges no contrast over the shades at the sides of a table that scrolls.
        await page.EvaluateAsync(
            """
            () => {
              if (document.getElementById('plain')) return;
              const plain = Object.assign(document.createElement('style'), { id: 'plain' });
              plain.textContent = '.scroll-table { background: var(--mud-palette-surface) !important }';
              document.head.append(plain);
            }
            """);
        // Half a button that an open menu lies over is no target.
        var isCovered = await page.Locator(".mud-popover-open").CountAsync() > 0;
        var result = await page.RunAxe(new AxeRunOptions
        {
            ResultTypes = [ResultType.Violations],
            Rules = new() { ["target-size"] = new RuleOptions { Enabled = !isCovered } }, // of WCAG 2.2, and off unless it is asked for
        });
        Assert.NotEmpty(result.Passes);
        var problems = result.Violations
            .Select(violation => $"{where}: {violation.Id} ({violation.Help}): "
                + string.Join(" | ", violation.Nodes.Take(3).Select(node => node.Html))).ToList();
        var over = await page.EvaluateAsync<int>("() => document.scrollingElement.scrollWidth - document.documentElement.clientWidth");
        if (over > 0) problems.Add($"{where}: the page is {over} px wider than the window");
        return problems;
    }
}
