using System.Net;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ConvexWeb.Tests.Accounts;

[Trait("kind", "database")]
public sealed class WelcomeTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task The_set_up_link_makes_one_administrator_once_and_voids_all_other_such_links()
    {
        await using (var connection = await host.Database.OpenConnectionAsync())
            await connection.ExecuteAsync("update users set is_admin = false");
        var links = host.Services.GetServices<IHostedService>().OfType<SetupLink>().Single();
        var (first, second) = (await links.IssueAsync(), await links.IssueAsync());
        using var browser = new Forms(host);

        using var made = await WelcomeAsync(browser, Token(first!), "ada");
        using var again = await WelcomeAsync(new Forms(host), Token(first!), "eve");
        using var other = await WelcomeAsync(new Forms(host), Token(second!), "mallory");

        Assert.Equal("/", made.Headers.Location!.OriginalString);
        Assert.Equal(HttpStatusCode.OK, (await browser.Client.GetAsync("/api/v1/users")).StatusCode);
        Assert.Contains("error=link", again.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Contains("error=link", other.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Null(await links.IssueAsync());
    }

    [Fact]
    public async Task A_link_taken_by_two_at_once_makes_one_account()
    {
        var token = await InviteAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => WelcomeAsync(new Forms(host), token, $"racer{i}")));

        Assert.Single(answers, answer => answer.Headers.Location!.OriginalString == "/");
    }

    [Theory]
    [InlineData("bob", "short", "password-short")]
    [InlineData("bob", "password1234", "password-common")]
    [InlineData("robertson", "robertson is here", "password-name")]
    [InlineData("x", "a quiet violet hill", "name")]
    [InlineData("a b<c>", "a quiet violet hill", "name")]
    public async Task A_refused_name_or_password_leaves_the_link_as_it_was(string name, string password, string error)
    {
        var token = await InviteAsync();
        using var refused = await WelcomeAsync(new Forms(host), token, name, password);
        using var accepted = await WelcomeAsync(new Forms(host), token, $"u{Guid.NewGuid():N}"[..10]);

        Assert.EndsWith($"error={error}", refused.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Equal("/", accepted.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task A_name_that_no_text_may_hold_is_refused()
    {
        using var response = await new Forms(host).PostPartsAsync(
            "/account/welcome", ("token", await InviteAsync()), ("name", "a\0b"), ("password", ServerHost.Password));

        Assert.EndsWith("error=name", response.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_is_given_once_whatever_its_case()
    {
        await host.AddUserAsync("carol");
        using var response = await WelcomeAsync(new Forms(host), await InviteAsync(), "CAROL");

        Assert.EndsWith("error=name-taken", response.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("demo")]
    [InlineData("Automatic")]
    public async Task Names_of_the_product_itself_are_taken(string name)
    {
        using var response = await WelcomeAsync(new Forms(host), await InviteAsync(), name);

        Assert.EndsWith("error=name-taken", response.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_invitation_ends_after_a_day()
    {
        var token = await InviteAsync();
        await using (var connection = await host.Database.OpenConnectionAsync())
            await connection.ExecuteAsync(
                "update invites set expires_at = now() - interval '1 second' where secret_hash = @hash",
                new { hash = Secret.Hash(token) });
        using var response = await WelcomeAsync(new Forms(host), token, "late");

        Assert.Contains("error=link", response.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_administrators_invite_and_whoever_is_invited_is_none()
    {
        using var user = await host.UserAsync();
        Assert.Equal(HttpStatusCode.Forbidden, (await user.PostAsync("/api/v1/invites", null)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await user.GetAsync("/api/v1/users")).StatusCode);

        using var browser = new Forms(host);
        await WelcomeAsync(browser, await InviteAsync(), "guest1");

        Assert.Equal(HttpStatusCode.Forbidden, (await browser.Client.GetAsync("/api/v1/users")).StatusCode);
        using var admin = await host.UserAsync(isAdmin: true);
        Assert.Contains(await admin.GetAsync<List<UserView>>("/api/v1/users"), one => one is { Name: "guest1", IsAdmin: false });
    }

    [Fact]
    public async Task An_administrator_can_invite_another()
    {
        using var browser = new Forms(host);
        await WelcomeAsync(browser, await InviteAsync("?admin=true"), "deputy");

        Assert.Equal(HttpStatusCode.OK, (await browser.Client.GetAsync("/api/v1/users")).StatusCode);
    }

    [Fact]
    public async Task A_forgotten_password_is_set_anew_by_a_link_once_and_ends_every_session()
    {
        var user = await host.AddUserAsync();
        using var old = new Forms(host);
        await old.SignInAsync(user.UserName!);
        for (var i = 0; i < 8; i++) (await new Forms(host).SignInAsync(user.UserName!, "guess " + i)).Dispose(); // and he is locked out
        var token = await InviteAsync(link: $"/api/v1/users/{user.Id}/password-link");
        using var browser = new Forms(host);

        using var refused = await WelcomeAsync(browser, token, "", "short");
        using var done = await WelcomeAsync(browser, token, "somebody else", "a new silent meadow");
        using var again = await WelcomeAsync(new Forms(host), token, "", "another loud meadow");

        Assert.EndsWith("error=password-short&reset=true", refused.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Equal("/", done.Headers.Location!.OriginalString);
        Assert.Contains("error=link", again.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, (await old.Client.GetAsync("/api/v1/runs")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await browser.Client.GetAsync("/api/v1/runs")).StatusCode);
        using var fresh = new Forms(host);
        Assert.Equal("/", (await fresh.SignInAsync(user.UserName!, "a new silent meadow")).Headers.Location!.OriginalString);
        var byOldPassword = await new Forms(host).SignInAsync(user.UserName!);
        Assert.Contains("error=wrong", byOldPassword.Headers.Location!.OriginalString, StringComparison.Ordinal);

        using var stranger = await host.UserAsync();
        Assert.Equal(HttpStatusCode.Forbidden, (await stranger.PostAsync($"/api/v1/users/{user.Id}/password-link", null)).StatusCode);
        using var byToken = await host.UserAsync(isAdmin: true);
        Assert.Equal(HttpStatusCode.Forbidden, (await byToken.PostAsync($"/api/v1/users/{user.Id}/password-link", null)).StatusCode);
    }

    // Each wants what the other one holds, if they take the account and its links in different orders: PostgreSQL would end one of them.
    [Fact]
    public async Task A_link_that_is_used_while_an_administrator_changes_its_account_is_good_or_refused()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        for (var round = 0; round < 8; round++)
        {
            var member = await host.AddUserAsync(isAdmin: true);
            using var made = await admin.Browser.Client.PostAsync($"/api/v1/users/{member.Id}/password-link", null);
            var link = (await made.ReadAsync<OneTimeLink>()).Link;
            using var browser = new Forms(host);
            var use = WelcomeAsync(browser, Token(link), "", "another silent meadow");
            var change = admin.Browser.Client.PatchJsonAsync(
                $"/api/v1/users/{member.Id}", round % 2 == 0 ? """{"isAdmin":false}""" : """{"isDisabled":true}""");

            Assert.Equal(HttpStatusCode.OK, (await change).StatusCode);
            Assert.Equal(HttpStatusCode.Found, (await use).StatusCode);
        }
    }

    // Its browser goes away while the end of a session waits for somebody else's lock.
    [Fact]
    public async Task A_new_password_is_there_with_all_that_it_ends_or_not_at_all()
    {
        const string waits = "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%delete from sessions%'";
        var member = await host.AddUserAsync();
        using var browser = new Forms(host);
        (await browser.SignInAsync(member.UserName!)).Dispose();
        await using var holder = await host.Database.OpenConnectionAsync();
        await using (var transaction = await holder.BeginTransactionAsync())
        {
            await holder.ExecuteAsync("select from sessions where user_id = @Id for update", new { member.Id });
            var change = browser.PostAsync(
                "/account/password", member.Id, ("current", ServerHost.Password), ("password", "another silent meadow"));
            await host.Database.UntilAsync($"select exists ({waits})");
            browser.Client.CancelPendingRequests();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => change);
            await host.Database.UntilAsync($"select not exists ({waits})");
        }
        using var other = new Forms(host);
        using var answer = await other.SignInAsync(member.UserName!);
        Assert.Equal("/", answer.Headers.Location!.OriginalString);
    }

    private async Task<string> InviteAsync(string query = "", string? link = null)
    {
        var user = await host.AddUserAsync(isAdmin: true);
        using var admin = new Forms(host);
        await admin.SignInAsync(user.UserName!);
        var answer = await admin.Client.PostAsync(link ?? "/api/v1/invites" + query, null);
        return Token((string)(await answer.ReadAsync<JsonObject>())["link"]!);
    }

    private static string Token(string link)
    {
        Assert.StartsWith("http://127.0.0.1:", link, StringComparison.Ordinal);
        return System.Web.HttpUtility.ParseQueryString(new Uri(link).Query)["token"]!;
    }

    private static Task<HttpResponseMessage> WelcomeAsync(
        Forms browser, string token, string name, string password = ServerHost.Password) =>
        browser.PostAsync("/account/welcome", ("token", token), ("name", name), ("password", password));
}
