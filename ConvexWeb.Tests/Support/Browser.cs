using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Hosts;
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

    private const int Last = 19;

    private readonly Lazy<Task<(IPlaywright Driver, IBrowser Chromium)>> started = new(StartAsync);

    // Set by ./convexweb test where there is no browser and none can be installed.
    public static bool IsMissing { get; } = Environment.GetEnvironmentVariable("CONVEX_SKIP_BROWSER") == "1";

    public static void SkipWhenMissing() => Assert.SkipWhen(IsMissing, "There is no Chromium here (CHROMIUM may name one).");

    /// <summary>
    /// A fresh context (own cookies and storage) whose relative addresses belong to <paramref name="host"/>; nobody is signed in.
    /// </summary>
    public Task<IBrowserContext> ContextAsync(ServerHost host) => ContextAsync(host.Address);

    /// <summary>A fresh context for the server at <paramref name="address"/>, with the cookies of <paramref name="state"/>.</summary>
    public async Task<IBrowserContext> ContextAsync(Uri address, string? state = null) =>
        await (await started.Value).Chromium.NewContextAsync(
            new() { BaseURL = address.ToString(), StorageState = state, AcceptDownloads = true });

    /// <summary>A page in a fresh context in which <paramref name="user"/> is signed in; by default somebody new.</summary>
    public async Task<IPage> OpenAsync(ServerHost host, string path = "/", User? user = null)
    {
        using var forms = new Forms(host);
        (await forms.SignInAsync((user ?? await host.AddUserAsync()).UserName!)).Dispose();
        var context = await ContextAsync(host);
        await context.AddCookiesAsync(
            [new() { Name = forms.Session!.Name, Value = forms.Session.Value, Url = host.Address.ToString(), HttpOnly = true }]);
        var page = await context.NewPageAsync();
        await page.GotoAsync(path);
        return page;
    }

    /// <summary>
    /// From now on the browser comes last on this machine: in a lab it is on other machines than the server that is measured. It has a
    /// session of its own, as trainers have.
    /// </summary>
    /// <returns>False: the kernel does not order sessions, or not at our word.</returns>
    public static async Task<bool> YieldAsync(CancellationToken cancel)
    {
        if (ProcessStat.Tree(Environment.ProcessId).FirstOrDefault(IsBrowser) is not { } process) return false;
        await Autogroup.YieldAsync(process.Id, Last, TimeProvider.System, cancel);
        return SystemFile.Read(Autogroup.PathOf(process.Id))?.TrimEnd().EndsWith($"nice {Last}", StringComparison.Ordinal) ?? false;

        static bool IsBrowser(ProcessStat process) => ProcessStat.CommandLine(process.Id).Contains("--remote-debugging-pipe");
    }

    public async ValueTask DisposeAsync()
    {
        if (!started.IsValueCreated || IsMissing) return;
        var (driver, chromium) = await started.Value;
        await chromium.DisposeAsync();
        driver.Dispose();
    }

    private static async Task<(IPlaywright, IBrowser)> StartAsync()
    {
        SkipWhenMissing();
        var driver = await Playwright.CreateAsync();
        return (driver, await driver.Chromium.LaunchAsync(new()
        {
            ExecutablePath = Environment.GetEnvironmentVariable("CHROMIUM") ?? "/usr/bin/chromium",
            Args = Arguments,
        }));
    }
}
