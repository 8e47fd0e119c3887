using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(ConvexWeb.Tests.Support.Browser))]

namespace ConvexWeb.Tests.Support;

/// <summary>One headless Chromium for the whole test run, started by the first test that asks. Every test takes its own context.</summary>
public sealed class Browser : IAsyncDisposable
{
    private static readonly string[] Arguments =
    [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ];

    private readonly Lazy<Task<(IPlaywright Driver, IBrowser Chromium)>> started = new(StartAsync);

    /// <summary>A live page in a fresh context (own cookies and storage); its relative addresses belong to <paramref name="host"/>.</summary>
    public async Task<IPage> OpenAsync(ServerHost host, string path = "/")
    {
        var (_, chromium) = await started.Value;
        var context = await chromium.NewContextAsync(new() { BaseURL = host.Address.ToString() });
        var page = await context.NewPageAsync();
        await page.GotoAsync(path);
        await page.Locator("[data-interactive]").WaitForAsync(); // before that, a click on the prerendered page is lost
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        if (!started.IsValueCreated) return;
        var (driver, chromium) = await started.Value;
        await chromium.DisposeAsync();
        driver.Dispose();
    }

    private static async Task<(IPlaywright, IBrowser)> StartAsync()
    {
        var driver = await Playwright.CreateAsync();
        return (driver, await driver.Chromium.LaunchAsync(new()
        {
            ExecutablePath = Environment.GetEnvironmentVariable("CHROMIUM") ?? "/usr/bin/chromium",
            Args = Arguments,
        }));
    }
}
