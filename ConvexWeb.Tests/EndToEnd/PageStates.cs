using ConvexWeb.Tests.Workers;
using Dapper;
using Microsoft.Playwright;
using Npgsql;
using OtpNet;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>A page in one of its states, and how it is reached.</summary>
/// <param name="Reach">Leads somebody's page there, and waits until it is.</param>
/// <param name="Leave">Ends what makes it so, when it was looked at.</param>
public sealed record PageState(string Name, Func<IPage, Task> Reach, Func<Task>? Leave = null);

/// <summary>Every page in every state: what is looked at, by axe and by people.</summary>
public static class PageStates
{
    private const string Script = "**/blazor.web*.js";

    /// <summary>What a lab shows in which nothing was ever run, and which has no worker.</summary>
    public static IReadOnlyList<PageState> Empty { get; } =
    [
        At("runs-first-visit", "/", "[data-testid=first-visit]"),
        At("workers-none", "/workers", "[data-testid=no-worker]"),
    ];

    /// <summary>What those see who are not signed in.</summary>
    public static IReadOnlyList<PageState> Outside { get; } =
    [
        At("signin", "/signin", "h1"),
        At("signin-wrong", "/signin?error=wrong", "[role=alert]"),
        At("code", "/code", "h1"),
        At("code-wrong", "/code?error=wrong", "[role=alert]"),
        At("welcome-no-link", "/welcome", "h1"),
        At("welcome-new-password", "/welcome?token=a&reset=true", "h1"),
        At("welcome-name", "/welcome?token=a&error=name", "[role=alert]"),
    ];

    public static IEnumerable<PageState> All(ShownRuns shown, NpgsqlDataSource database) =>
    [
        At("runs", "/", "tr[data-row]"),
        At("runs-study", "/?study=1", "tr[data-row]"),
        At("runs-none", "/?q=no-run-has-this-name", "[data-testid=no-match]"),
        Loading("runs", "/"),
        Failing("runs", "/", database),
        new("runs-chosen", async page =>
        {
            await page.GotoAsync("/");
            await page.Locator("tr[data-row] input").First.CheckAsync();
        }),
        new("runs-cancel", async page =>
        {
            await ChooseAsync(page, shown.Running, shown.Waiting);
            await page.GetByRole(AriaRole.Button, new() { Name = "Cancel", Exact = true }).ClickAsync();
            await page.GetByRole(AriaRole.Dialog).WaitForAsync();
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
        At("new-from", $"/new?from={shown.Finished}", "[data-testid=composer]:not([inert]) #f-model-width"),
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
        At("run", $"/runs/{shown.Finished}", "[data-chart] canvas"),
        At("run-layers", $"/runs/{shown.Finished}?tab=layers", "[data-testid=layers]"),
        At("run-log", $"/runs/{shown.Finished}?tab=log", "[role=log], [role=tabpanel] p"),
        At("run-attempts", $"/runs/{shown.Finished}?tab=attempts", "a[download]"),
        At("run-running", $"/runs/{shown.Running}", "[data-chart] canvas"),
        At("run-failed", $"/runs/{shown.Failed}", "[role=alert]"),
        At("run-paused", $"/runs/{shown.Paused}", "[data-chart] canvas"),
        At("run-cancelled", $"/runs/{shown.Cancelled}", "[data-chart] canvas"),
        At("run-waiting", $"/runs/{shown.Waiting}", "[data-testid=reason]"),
        Asking("run-cancel", $"/runs/{shown.Waiting}", "Cancel"),
        At("run-unknown", "/runs/999999", "h1"),
        Loading("run", $"/runs/{shown.Finished}"),
        Failing("run", $"/runs/{shown.Finished}", database),
        At("compare", $"/compare?runs={shown.Finished},{shown.Certified}", "[data-chart] canvas"),
        At("compare-hidden", $"/compare?runs={shown.Finished},{shown.Certified}&hide={shown.Finished}", "[data-chart] canvas"),
        At("compare-missing", $"/compare?runs={shown.Finished},999999", "[data-testid=missing]"),
        At("compare-none", "/compare", "[data-testid=nothing]"),
        Loading("compare", $"/compare?runs={shown.Finished}"),
        Failing("compare", $"/compare?runs={shown.Finished}", database),
        At("certificate", $"/runs/{shown.Certified}/certificate", ".curves canvas"),
        At("certificate-none", $"/runs/{shown.Finished}/certificate", "[data-testid=certificate-form]"),
        At("certificate-not-convex", $"/runs/{shown.Refuted}/certificate", ".curves canvas"),
        At("certificate-waiting", $"/runs/{shown.CertificateWaiting}/certificate", "[data-testid=waiting]"),
        At("certificate-running", $"/runs/{shown.CertificateRunning}/certificate", "[data-testid=waiting]"),
        At("certificate-failed", $"/runs/{shown.CertificateFailed}/certificate", "[data-testid=certificate-form]"),
        Loading("certificate", $"/runs/{shown.Certified}/certificate"),
        Failing("certificate", $"/runs/{shown.Certified}/certificate", database),
        At("workers", "/workers", "[data-testid=worker]"),
        Loading("workers", "/workers"),
        Failing("workers", "/workers", database, "workers"),
        At("account", "/account", "[data-testid=people] tbody tr"),
        new("account-links", async page =>
        {
            await page.ConfirmedAccountAsync();
            await page.Locator("#token-name").FillAsync("a look");
            await page.GetByRole(AriaRole.Button, new() { Name = "Create a token" }).ClickAsync();
            await page.Locator("#token-secret").WaitForAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Invite a colleague" }).ClickAsync();
            await page.Locator("#invitation").WaitForAsync();
        }),
        Asking("account-revoke", "/account", "Revoke"),
        new("account-person", async page =>
        {
            await page.GotoAsync("/account");
            await page.GetByTestId("people").GetByRole(AriaRole.Button, new() { Name = "Change ada" }).ClickAsync();
            await page.GetByText("Link for a new password").WaitForAsync();
        }),
        new("account-second-factor", async page =>
        {
            await page.ConfirmedAccountAsync();
            await BeginSecondFactorAsync(page);
        }),
        new("account-recovery-codes", async page =>
        {
            await page.ConfirmedAccountAsync();
            var secret = await BeginSecondFactorAsync(page);
            await page.Locator("#factor-code").FillAsync(new Totp(Base32Encoding.ToBytes(secret)).ComputeTotp());
            await page.GetByRole(AriaRole.Button, new() { Name = "Turn it on" }).ClickAsync();
            await page.Locator("#recovery-codes").WaitForAsync();
        }, Leave: () => database.ExecuteAsync("delete from second_factors; delete from recovery_codes")),
        At("confirm", "/confirm?returnUrl=%2Faccount", "h1"),
        At("confirm-wrong", "/confirm?returnUrl=%2Faccount&error=wrong", "[role=alert]"),
        At("audit", "/audit", "[data-testid=audit-entry]"),
        At("audit-nothing", "/audit?actor=nobody", "text=No entry is like this"),
        new("audit-checked", async page =>
        {
            await page.GotoAsync("/audit");
            await page.Locator("[data-testid=audit-entry]").First.WaitForAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Check the chain" }).ClickAsync();
            await page.GetByTestId("verdict").WaitForAsync();
        }),
        Loading("audit", "/audit"),
        Failing("audit", "/audit", database, "audit_entries"),
        Loading("account", "/account"),
        Failing("account", "/account", database, "api_tokens"),
        new("api-reference-open", async page =>
        {
            await page.GotoAsync("/api/reference");
            await page.GetByTestId("group").First.WaitForAsync();
            await page.Locator("#find").FillAsync("/runs");
            await page.Locator("details summary").Nth(1).ClickAsync();
        }),
        new("api-reference-nothing", async page =>
        {
            await page.GotoAsync("/api/reference");
            await page.GetByTestId("group").First.WaitForAsync();
            await page.Locator("#find").FillAsync("no such operation");
            await Assertions.Expect(page.GetByTestId("group")).ToHaveCountAsync(0);
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

    private static async Task ChooseAsync(IPage page, params long[] runs)
    {
        await page.GotoAsync("/");
        foreach (var run in runs) await page.Locator($"tr[data-row='{run}'] input").CheckAsync();
    }

    /// <returns>The secret for the app.</returns>
    private static async Task<string> BeginSecondFactorAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = "Set it up" }).ClickAsync();
        return (await page.Locator("#factor-secret").TextContentAsync())!;
    }

    private static PageState At(string name, string path, string there) => new(name, async page =>
    {
        await page.GotoAsync(path);
        await page.Locator(there).First.WaitForAsync();
    });

    // A button's question, before it is answered.
    private static PageState Asking(string name, string path, string button) => new(name, async page =>
    {
        await page.GotoAsync(path);
        await page.GetByRole(AriaRole.Button, new() { Name = button }).First.ClickAsync();
        await page.GetByRole(AriaRole.Dialog).WaitForAsync();
    });

    // As it comes from the server, before a circuit has read anything.
    private static PageState Loading(string page, string path) => new($"{page}-loading", async shown =>
    {
        await shown.RouteAsync(Script, route => route.AbortAsync());
        await shown.GotoAsync(path);
        await shown.Locator("[aria-label=Loading]").First.WaitForAsync();
        await shown.UnrouteAsync(Script);
    });

    // The table that it reads is away for the time.
    private static PageState Failing(string page, string path, NpgsqlDataSource database, string table = "studies")
        => new($"{page}-failing", async shown =>
    {
        await ExecuteAsync(database, $"alter table {table} rename to {table}_away");
        await shown.GotoAsync(path);
        await shown.GetByRole(AriaRole.Button, new() { Name = "Try again" }).First.WaitForAsync();
    },
    () => ExecuteAsync(database, $"alter table {table}_away rename to {table}"));

    private static async Task ExecuteAsync(NpgsqlDataSource database, string statement)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync(statement);
    }
}
