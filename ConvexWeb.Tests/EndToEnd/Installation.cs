using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using Microsoft.Playwright;
using Npgsql;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// The whole product with a private database in a folder of its own, and its administrator, who came in by the one-time link.
/// </summary>
public sealed class Installation : IAsyncDisposable
{
    public const string Password = "a quiet violet hill";

    private readonly TestFolder folder = new();
    private readonly Browser browser;
    private string session = "";
    private Task<string>? token;

    private Installation(Browser browser)
    {
        this.browser = browser;
        Database = NpgsqlDataSource.Create(DatabaseAddress);
    }

    public Uri Address { get; } = ServerProcess.FreeAddress();
    public string Folder => folder.Path;
    public string DatabaseAddress => PrivateCluster.ConnectionString(Path.Combine(Folder, "postgres"));
    public NpgsqlDataSource Database { get; }

    /// <summary>The node that people talk to.</summary>
    public ServerProcess Server { get; private set; } = null!;

    public static async Task<Installation> StartAsync(Browser browser, params IEnumerable<(string Key, string Value)> settings)
    {
        var installation = new Installation(browser);
        try
        {
            await installation.StartServerAsync(settings);
            await installation.MakeAccountAsync();
            return installation;
        }
        catch
        {
            await installation.DisposeAsync();
            throw;
        }
    }

    public async Task StartServerAsync(params IEnumerable<(string Key, string Value)> settings)
        => Server = await ServerProcess.Start(Folder, Address, settings).ReadyAsync();

    /// <summary>A page of the signed-in administrator, and where its errors are collected.</summary>
    public async Task<(IPage Page, IReadOnlyList<string> Errors)> OpenAsync(string path)
    {
        var page = await (await browser.ContextAsync(Address, session)).NewPageAsync();
        var errors = Watch(page);
        await page.GotoAsync(path);
        // A test may have ended the session that the others had in common, as a second factor does that is turned on.
        if (new Uri(page.Url).AbsolutePath == "/signin")
        {
            await page.SignInAsync(path);
            session = await page.Context.StorageStateAsync();
        }
        return (page, errors);
    }

    /// <summary>A browser that is not signed in.</summary>
    public Task<IBrowserContext> StrangerAsync() => browser.ContextAsync(Address);

    /// <summary>A client with the administrator's token.</summary>
    public async Task<HttpClient> ClientAsync()
    {
        var client = new HttpClient { BaseAddress = Address };
        client.DefaultRequestHeaders.Authorization = new("Bearer", await (token ??= MakeTokenAsync()));
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        if (Server is not null) await Server.DisposeAsync();
        folder.Dispose();
    }

    private async Task MakeAccountAsync()
    {
        await using var context = await browser.ContextAsync(Address);
        var page = await context.NewPageAsync();
        var errors = Watch(page);
        await page.WelcomeAsync(await Server.LinkAsync());
        Assert.Empty(errors);
        session = await context.StorageStateAsync();
    }

    private async Task<string> MakeTokenAsync()
    {
        var (page, errors) = await OpenAsync("/confirm");
        await page.ConfirmedAccountAsync();
        var create = page.GetByRole(AriaRole.Button, new() { Name = "Create a token", Disabled = false });
        await page.UntilAsync(() => page.Locator("#token-name").FillAsync("end to end"), create);
        await page.Locator("#token-scope").ClickAsync();
        await page.GetByRole(AriaRole.Option, new() { Name = "do all that you may" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Create a token" }).ClickAsync();
        var secret = await page.Locator("#token-secret").InnerTextAsync();
        Assert.StartsWith("cvx_", secret, StringComparison.Ordinal);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
        return secret;
    }

    private static List<string> Watch(IPage page)
    {
        var errors = new List<string>();
        page.PageError += (_, problem) => errors.Add($"{page.Url}: {problem}");
        page.Console += (_, message) =>
        {
            if (message.Type == "error") errors.Add($"{page.Url}: {message.Text}");
        };
        return errors;
    }
}
