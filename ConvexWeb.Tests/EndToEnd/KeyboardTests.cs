using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Workers;
using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>Who has no mouse sees where he is, loses no place, and can do all that there is to do.</summary>
[Collection(ProductCollection.Name)]
public sealed class KeyboardTests(Product product)
{
    private const int MostStops = 300;

    // What the key for the next stop led to: nothing (the end), or what is wrong with how it shows.
    private const string Stop =
        """
        () => {
          const at = document.activeElement;
          if (!at || at === document.body) return 'end';
          const { left, right, width, height } = at.getBoundingClientRect();
          const named = `${at.tagName} ${at.getAttribute('aria-label') ?? at.id ?? ''} ${(at.innerText ?? '').slice(0, 30)}`;
          if (right <= 0 || left >= innerWidth) return `${named}: out of sight`;
          // A box or switch of MudBlazor is a drawing over an input that cannot be seen: the ring is the drawing's.
          const ring = getComputedStyle(at.closest('.mud-checkbox, .mud-switch') ? at.closest('.mud-icon-button') : at);
          if (ring.outlineStyle !== 'none' && parseFloat(ring.outlineWidth) >= 1) return '';
          // A field's border is drawn thicker.
          return at.closest('.mud-input') ? '' : `${named}: nothing shows that it has the focus`;
        }
        """;

    [Fact]
    public async Task The_focus_can_be_seen_wherever_Tab_leads_to()
    {
        var run = await product.FinishedRunAsync();
        var (page, _) = await product.Installation.OpenAsync("/");
        await page.Locator("tr[data-row]").First.WaitForAsync();
        var menu = page.GetByRole(AriaRole.Button, new() { Name = "Menu" });
        await page.UntilAsync(() => menu.ClickAsync(), page.Locator("#main-menu[inert]")); // closed: none of its entries may be a stop
        var problems = new List<string>();
        foreach (var (path, there) in new[]
                 {
                     ("/", "tr[data-row]"), ($"/runs/{run}", "[data-chart] canvas"), ($"/compare?runs={run}", "[data-chart] canvas"),
                     ("/new", "[data-testid=composer]:not([inert])"), ("/workers", "[data-testid=worker]"),
                     ("/account", "[data-testid=people] tbody tr"), ("/api/reference", "[data-testid=group]"),
                 })
        {
            await page.GotoAsync(path);
            await page.Locator(there).First.WaitForAsync();
            await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
            await page.EvaluateAsync("() => document.querySelector('.skip').focus()"); // else it goes on from the heading
            var stops = 0;
            for (; stops < MostStops; stops++)
            {
                await page.Keyboard.PressAsync("Tab");
                var found = await page.EvaluateAsync<string>(Stop);
                if (found == "end") break;
                if (found.Length > 0) problems.Add($"{path}: {found}");
            }
            Assert.True(stops > 5, $"{path} has {stops} stops");
        }
        foreach (var key in "jk")
        {
            await page.GotoAsync("/");
            await page.Locator("tr[data-row]").First.WaitForAsync();
            await page.Keyboard.PressAsync($"{key}");
            if (await page.EvaluateAsync<string>(Stop) is { Length: > 0 } found) problems.Add($"{key}: {found}");
        }
        await page.Context.CloseAsync();
        Assert.True(problems.Count == 0, string.Join('\n', problems.Distinct()));
    }

    [Fact]
    public async Task A_button_that_works_leaves_the_focus_on_itself_or_on_the_heading()
    {
        using var client = await product.Installation.ClientAsync();
        var run = await client.SubmitAsync(
            """
            {"model":{"name":"mlp","width":32},"data":{"name":"glyphs","train_size":300,"test_size":100},
             "training":{"epochs":40000,"batch_size":50,"points_every":50}}
            """, 0);
        await product.Installation.Database.UntilAsync(run, RunState.Running);
        var (page, _) = await product.Installation.OpenAsync($"/runs/{run}");
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);

        await PressAsync(page, "Pause");
        await product.Installation.Database.UntilAsync(run, RunState.Paused);
        await Assertions.Expect(page.Locator("[data-live=paused]")).ToBeVisibleAsync();
        await PressAsync(page, "Resume");
        await Assertions.Expect(page.State()).ToHaveTextAsync("Running", new() { Timeout = 20_000 });
        await PressAsync(page, "Cancel");
        await PressAsync(page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Cancel the run" }));
        await product.Installation.Database.UntilAsync(run, RunState.Cancelled);
        await HasPlaceAsync(page);

        await page.ConfirmedAccountAsync();
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        await page.Locator("#token-name").FillAsync("by keyboard");
        await PressAsync(page, "Create a token");
        await page.Locator("#token-secret").WaitForAsync();
        await HasPlaceAsync(page);
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task A_chart_is_zoomed_by_keys_and_a_reload_shows_the_same_part()
    {
        var run = await product.FinishedRunAsync();
        var (page, _) = await product.Installation.OpenAsync($"/runs/{run}");
        var plot = page.Locator("[data-chart] .plot").First;
        await page.Locator("[data-chart] canvas").First.WaitForAsync();
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);

        await plot.FocusAsync();
        await page.Keyboard.PressAsync("+");
        await page.WaitForURLAsync("**zoom=**");
        var zoomed = page.Url;
        await page.ReloadAsync();
        await page.Locator("[data-chart] canvas").First.WaitForAsync();
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        Assert.Equal(zoomed, page.Url);
        await plot.FocusAsync();
        await page.Keyboard.PressAsync("0");

        await page.WaitForURLAsync(url => !url.Contains("zoom=", StringComparison.Ordinal));
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task What_gets_the_focus_backwards_is_not_under_the_top_bar()
    {
        var run = await product.FinishedRunAsync();
        var (page, _) = await product.Installation.OpenAsync($"/runs/{run}");
        await page.SetViewportSizeAsync(1280, 700);
        await page.Locator("[data-chart] canvas").First.WaitForAsync();
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        await page.EvaluateAsync(
            "() => { scrollTo(0, document.body.scrollHeight); [...document.querySelectorAll('main button')].at(-1).focus(); }");
        var hidden = new List<string>();
        for (var i = 0; i < 40; i++)
        {
            await page.Keyboard.PressAsync("Shift+Tab");
            hidden.Add(await page.EvaluateAsync<string>(
                """
                () => {
                  const at = document.activeElement;
                  const bar = document.querySelector('.mud-appbar').getBoundingClientRect();
                  const { top, bottom } = at.getBoundingClientRect();
                  const within = at === document.body || at.closest('.mud-appbar, .skip, #main-menu');
                  return !within && top < bar.bottom - 1 && bottom < bar.bottom + 8
                    ? `${at.tagName} ${at.getAttribute('aria-label') ?? at.innerText.slice(0, 30)} at ${Math.round(top)}` : '';
                }
                """));
        }
        await page.Context.CloseAsync();
        Assert.All(hidden, found => Assert.Equal("", found));
    }

    [Fact]
    public async Task Numbers_of_a_comparison_fit_into_a_window_of_1280()
    {
        var run = await product.FinishedRunAsync();
        var (page, _) = await product.Installation.OpenAsync($"/compare?runs={run}");
        await page.SetViewportSizeAsync(1280, 900);
        await page.GetByTestId("numbers").WaitForAsync();

        Assert.True(await page.EvaluateAsync<bool>(
            """
            () => {
              const frame = document.querySelector('[data-testid=numbers] .scroll-table');
              return frame.scrollWidth <= frame.clientWidth;
            }
            """));
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task A_menu_over_the_page_takes_the_focus_and_Escape_gives_it_back()
    {
        var (page, _) = await product.Installation.OpenAsync("/");
        await page.SetViewportSizeAsync(400, 900);
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        var button = page.GetByRole(AriaRole.Button, new() { Name = "Menu" });
        await page.Locator("#main-menu[inert]").WaitForAsync(new() { State = WaitForSelectorState.Attached });

        await button.FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("#main-menu a").First).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Escape");

        await Assertions.Expect(page.Locator("#main-menu[inert]")).ToHaveCountAsync(1);
        await Assertions.Expect(button).ToBeFocusedAsync();
        await page.Context.CloseAsync();
    }

    private static async Task PressAsync(IPage page, string name)
    {
        await PressAsync(page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true }));
        await HasPlaceAsync(page);
    }

    private static async Task PressAsync(ILocator button)
    {
        await Assertions.Expect(button).ToBeEnabledAsync(new() { Timeout = 20_000 });
        // A dialog takes the focus when it is there: a person comes after that.
        await button.Page.WaitForFunctionAsync(
            "() => !document.querySelector('[role=dialog]') || document.activeElement.closest('[role=dialog]')");
        await button.FocusAsync();
        await button.Page.Keyboard.PressAsync("Enter");
    }

    // Once what the key began is done, for a moment that is long enough for a browser to forget it.
    private static async Task HasPlaceAsync(IPage page)
    {
        await page.WaitForFunctionAsync(
            """
            () => {
              if (document.activeElement === document.body) { window.placed = 0; return false; }
              window.placed ||= performance.now();
              return performance.now() - window.placed > 1000;
            }
            """, null, new() { Timeout = 10_000, PollingInterval = 50 });
    }
}
