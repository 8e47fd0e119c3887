using ConvexWeb.Server.Accounts;
using ConvexWeb.Tests.Support;
using Dapper;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Playwright;

namespace ConvexWeb.Tests.Accounts;

[Trait("kind", "browser")]
public sealed class BrowserSessionTests(Browser browser, ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task The_first_administrator_comes_in_by_the_link_sees_every_page_without_an_error_and_signs_out()
    {
        var link = await host.Services.GetServices<IHostedService>().OfType<SetupLink>().Single().IssueAsync();
        await using var context = await browser.ContextAsync(host);
        var page = await context.NewPageAsync();
        var errors = new List<string>();
        page.Console += (_, message) =>
        {
            if (message.Type == "error") errors.Add($"{page.Url}: {message.Text}");
        };

        await page.GotoAsync(link!);
        await page.GetByLabel("Name").FillAsync("ada");
        await page.GetByLabel("Password").FillAsync(ServerHost.Password);
        await page.GetByRole(AriaRole.Button).ClickAsync();
        await page.WaitForURLAsync("**/");
        foreach (var path in new[] { "/", "/new", "/compare", "/workers", "/account", "/api/reference" })
        {
            await page.GotoAsync(path);
            await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        }
        await Assertions.Expect(page.GetByText("/api/v1/runs/{id}/points")).ToBeVisibleAsync();
        await page.GotoAsync("/");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await page.WaitForURLAsync("**/signin**");

        Assert.Empty(errors);
    }

    [Fact]
    public async Task A_page_that_is_open_does_not_outlive_its_session()
    {
        var user = await host.AddUserAsync();
        var page = await browser.OpenAsync(host, "/workers", user);
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);

        await using (var connection = await host.Database.OpenConnectionAsync())
            await connection.ExecuteAsync("delete from sessions where user_id = @Id", new { user.Id });

        await page.WaitForURLAsync("**/signin?returnUrl=**", new() { Timeout = 30_000 });
    }
}
