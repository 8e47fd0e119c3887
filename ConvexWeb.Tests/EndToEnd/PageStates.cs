using Dapper;
using Microsoft.Playwright;
using Npgsql;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>A page in one of its states, and how it is reached.</summary>
/// <param name="Reach">Leads a page of the signed-in administrator there, and waits until it is.</param>
public sealed record PageState(string Name, Func<IPage, Task> Reach);

/// <summary>Every page in every state: what is looked at, by axe and by people.</summary>
public static class PageStates
{
    private const string Script = "**/blazor.web*.js";

    /// <param name="run">A run that has succeeded.</param>
    /// <param name="certified">A run with a certificate.</param>
    /// <param name="waiting">A run that waits for a worker that there is not.</param>
    public static IEnumerable<PageState> All(long run, long certified, long waiting, NpgsqlDataSource database) =>
    [
        At("runs", "/", "tr[data-row]"),
        At("runs-study", "/?study=1", "tr[data-row]"),
        At("runs-none", "/?state=Paused", "[data-testid=no-match]"),
        Loading("runs", "/"),
        Failing("runs", "/", database),
        new("runs-chosen", async page =>
        {
            await page.GotoAsync("/");
            await page.Locator("tr[data-row] input").First.CheckAsync();
        }),
        new("keyboard", async page =>
        {
            await page.GotoAsync("/");
            await page.Locator("tr[data-row]").First.WaitForAsync();
            await page.Locator("h1").FocusAsync();
            await page.Keyboard.PressAsync("?");
            await page.GetByRole(AriaRole.Dialog).WaitForAsync();
        }),
        At("new", "/new", "[data-testid=composer]:not([inert]) #f-model-width"),
        new("new-wrong", async page =>
        {
            await page.GotoAsync("/new?demo=true");
            await page.ListensAsync();
            await page.Field("model.width").FillAsync("many");
            await page.Locator("#f-model-width-problem").WaitForAsync();
        }),
        new("new-varied", async page =>
        {
            await page.GotoAsync("/new?demo=true");
            await page.ListensAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Vary Width" }).ClickAsync();
            await page.Field("model.width").FillAsync("16, 32");
            await page.Locator("#seeds").FillAsync("0-199");
            await page.GetByTestId("too-many").WaitForAsync();
        }),
        At("new-from", $"/new?from={run}", "[data-testid=composer]:not([inert]) #f-model-width"),
        new("new-preset", async page =>
        {
            await page.GotoAsync("/new");
            await page.ListensAsync();
            await page.GetByLabel("Start from a preset").ClickAsync();
            await page.GetByRole(AriaRole.Option).First.WaitForAsync();
        }),
        new("new-json", async page =>
        {
            await page.GotoAsync("/new");
            await page.ListensAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "JSON", Exact = true }).ClickAsync();
            await page.Locator("#spec-json").WaitForAsync();
        }),
        At("run", $"/runs/{run}", "[data-chart] canvas"),
        At("run-layers", $"/runs/{run}?tab=layers", "[data-testid=layers]"),
        At("run-log", $"/runs/{run}?tab=log", "[role=log], [role=tabpanel] p"),
        At("run-attempts", $"/runs/{run}?tab=attempts", "a[download]"),
        At("run-waiting", $"/runs/{waiting}", "[data-testid=reason]"),
        new("run-cancel", async page =>
        {
            await page.GotoAsync($"/runs/{waiting}");
            await page.GetByRole(AriaRole.Button, new() { Name = "Cancel", Exact = true }).ClickAsync();
            await page.GetByRole(AriaRole.Dialog).WaitForAsync();
        }),
        At("run-unknown", "/runs/999999", "h1"),
        Loading("run", $"/runs/{run}"),
        Failing("run", $"/runs/{run}", database),
        At("compare", $"/compare?runs={run},{certified}", "[data-chart] canvas"),
        At("compare-missing", $"/compare?runs={run},999999", "[data-testid=missing]"),
        At("compare-none", "/compare", "[data-testid=nothing]"),
        Loading("compare", $"/compare?runs={run}"),
        Failing("compare", $"/compare?runs={run}", database),
        At("certificate", $"/runs/{certified}/certificate", ".curves canvas"),
        At("certificate-none", $"/runs/{run}/certificate", "[data-testid=certificate-form]"),
        Loading("certificate", $"/runs/{certified}/certificate"),
        Failing("certificate", $"/runs/{certified}/certificate", database),
        At("workers", "/workers", "[data-testid=worker]"),
        Loading("workers", "/workers"),
        At("account", "/account", "[data-testid=people]"),
        new("account-links", async page =>
        {
            await page.GotoAsync("/account");
            await page.GetByTestId("people").WaitForAsync();
            await page.Locator("#token-name").FillAsync("a look");
            await page.GetByRole(AriaRole.Button, new() { Name = "Create a token" }).ClickAsync();
            await page.Locator("#token-secret").WaitForAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Invite a colleague" }).ClickAsync();
            await page.Locator("#invitation").WaitForAsync();
        }),
        new("account-revoke", async page =>
        {
            await page.GotoAsync("/account");
            await page.GetByRole(AriaRole.Button, new() { Name = "Revoke" }).First.ClickAsync();
            await page.GetByRole(AriaRole.Dialog).WaitForAsync();
        }),
        Loading("account", "/account"),
        new("api-reference-open", async page =>
        {
            await page.GotoAsync("/api/reference");
            await page.GetByTestId("group").First.WaitForAsync();
            await page.Locator("#find").FillAsync("/runs");
            await page.Locator("details summary").Nth(1).ClickAsync();
        }),
        Loading("api-reference", "/api/reference"),
        At("api-reference", "/api/reference", "[data-testid=group]"),
        At("not-found", "/not-found", "h1"),
        // Last, because the browser remembers it.
        new("runs-menu-moved", async page =>
        {
            await page.GotoAsync("/");
            await page.Locator("tr[data-row]").First.WaitForAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Menu" }).ClickAsync();
        }),
    ];

    private static PageState At(string name, string path, string there) => new(name, async page =>
    {
        await page.GotoAsync(path);
        await page.Locator(there).First.WaitForAsync();
    });

    // As it comes from the server, before a circuit has read anything.
    private static PageState Loading(string page, string path) => new($"{page}-loading", async shown =>
    {
        await shown.RouteAsync(Script, route => route.AbortAsync());
        await shown.GotoAsync(path);
        await shown.Locator("[aria-label=Loading]").First.WaitForAsync();
        await shown.UnrouteAsync(Script);
    });

    private static PageState Failing(string page, string path, NpgsqlDataSource database) => new($"{page}-failing", async shown =>
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("alter table studies rename to studies_away");
        try
        {
            await shown.GotoAsync(path);
            await shown.GetByRole(AriaRole.Button, new() { Name = "Try again" }).First.WaitForAsync();
        }
        finally
        {
            await connection.ExecuteAsync("alter table studies_away rename to studies");
        }
    });
}
