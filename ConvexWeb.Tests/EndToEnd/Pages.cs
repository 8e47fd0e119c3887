using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>What a person does on pages.</summary>
public static class Pages
{
    /// <summary>
    /// Does something until its effect is seen. A page is there a moment before it listens (its first form comes rendered from the server),
    /// and a script is quicker than any person.
    /// </summary>
    public static async Task UntilAsync(this IPage page, Func<Task> act, ILocator effect)
    {
        for (var patience = 20; ; patience--)
        {
            await act();
            try
            {
                await Assertions.Expect(effect).ToBeVisibleAsync(new() { Timeout = 1000 });
                return;
            }
            catch (PlaywrightException) when (patience > 0)
            {
                // Again.
            }
        }
    }

    /// <summary>Makes the account of a one-time link: the administrator ada, who is then signed in.</summary>
    public static async Task WelcomeAsync(this IPage page, string link)
    {
        await page.GotoAsync(link);
        await page.GetByLabel("Name").FillAsync("ada");
        await page.GetByLabel("Password").FillAsync(Installation.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Make the account" }).ClickAsync();
        await page.WaitForURLAsync(url => new Uri(url).AbsolutePath == "/");
    }

    /// <summary>
    /// The account page, with the password given just now: in a session of its own, since the other contexts have one in common, which
    /// would get another secret here.
    /// </summary>
    public static async Task ConfirmedAccountAsync(this IPage page)
    {
        await page.Context.ClearCookiesAsync(new() { NameRegex = new("^convex-[0-9a-f]{8}$") });
        await page.SignInAsync("/account");
        await page.Locator("[data-testid=people] tbody tr").First.WaitForAsync();
    }

    /// <summary>Signs the administrator in, and leads to a page.</summary>
    public static async Task SignInAsync(this IPage page, string path)
    {
        await page.GotoAsync($"/signin?returnUrl={Uri.EscapeDataString(path)}");
        await page.GetByLabel("Name").FillAsync("ada");
        await page.GetByLabel("Password").FillAsync(Installation.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await page.WaitForURLAsync(url => new Uri(url).PathAndQuery == path);
    }

    /// <summary>Waits until the page of new experiments takes what is typed.</summary>
    public static Task ListensAsync(this IPage page)
        => Assertions.Expect(page.Locator("[data-testid=composer]:not([inert])")).ToBeVisibleAsync(new() { Timeout = 20_000 });

    public static ILocator Field(this IPage page, string path) => page.Locator("#f-" + path.Replace('.', '-'));

    /// <summary>Chooses in a list by what is written there.</summary>
    public static async Task ChooseAsync(this IPage page, string path, string title)
    {
        await page.Field(path).ClickAsync();
        await page.GetByRole(AriaRole.Option, new() { Name = title, Exact = true }).ClickAsync();
    }

    public static ILocator State(this IPage page) => page.GetByTestId("run-head").GetByTestId("state");

    public static Task ShowsAsync(this ILocator place, string text, float seconds = 30)
        => Assertions.Expect(place).ToContainTextAsync(text, new() { Timeout = seconds * 1000 });

    /// <summary>How many batches of points the charts have drawn since the page was loaded.</summary>
    public static Task<int> DrawnAsync(this IPage page) => page.EvaluateAsync<int>("() => (window.convexLatency ?? []).length");

    public static Task DrawnAsync(this IPage page, int atLeast) =>
        page.WaitForFunctionAsync("wanted => (window.convexLatency ?? []).length >= wanted", atLeast, new() { Timeout = 30_000 });

    /// <summary>The number of the run whose page is open.</summary>
    public static async Task<long> RunAsync(this IPage page)
    {
        await page.WaitForURLAsync("**/runs/*");
        return long.Parse(new Uri(page.Url).Segments[^1]);
    }

    /// <summary>Submits what stands on the page of new experiments; the run.</summary>
    public static async Task<long> QueueAsync(this IPage page)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = "Queue the run" }).ClickAsync();
        return await page.RunAsync();
    }
}
