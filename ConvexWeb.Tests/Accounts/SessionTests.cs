using System.Net;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Tests.Accounts;

/// <summary>Defects D1 to D3, D15 and D21 of the security review: what a session, a token or a link is worth, and when it ends.</summary>
[Trait("kind", "database")]
public sealed class SessionTests(ServerHost host) : IClassFixture<ServerHost>
{
    private const string NewPassword = "a new silent meadow";

    [Fact]
    public async Task D1_A_copied_cookie_never_becomes_the_session_of_somebody_else_who_signs_in_there()
    {
        var (member, admin) = (await host.AddUserAsync(), await host.AddUserAsync(isAdmin: true));
        using var browser = new Forms(host);
        await browser.SignInAsync(member.UserName!);
        using var thief = Copy(browser);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(thief));

        await browser.PostAsync("/account/signin", member.Id, ("name", admin.UserName), ("password", ServerHost.Password));

        Assert.Equal(HttpStatusCode.OK, (await browser.Client.GetAsync("/api/v1/users")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(thief));
    }

    [Theory]
    [InlineData("sign-out")]
    [InlineData("sign-in")]
    [InlineData("password")]
    [InlineData("disabling")]
    [InlineData("deleting")]
    [InlineData("role")]
    [InlineData("by its owner")]
    public async Task D2_A_copied_cookie_is_worth_nothing_after(string what)
    {
        var user = await host.AddUserAsync();
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        using var browser = new Forms(host);
        await browser.SignInAsync(user.UserName!);
        using var thief = Copy(browser);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(thief));

        using var done = what switch
        {
            "sign-out" => await browser.PostAsync("/account/signout", user.Id),
            "sign-in" => await browser.PostAsync("/account/signin", user.Id, ("name", user.UserName), ("password", ServerHost.Password)),
            "password" => await browser.PostAsync(
                "/account/password", user.Id, ("current", ServerHost.Password), ("password", NewPassword)),
            "disabling" => await admin.Client.PatchJsonAsync($"/api/v1/users/{user.Id}", """{"isDisabled":true}"""),
            "deleting" => await admin.Client.DeleteAsync($"/api/v1/users/{user.Id}"),
            "role" => await admin.Client.PatchJsonAsync($"/api/v1/users/{user.Id}", """{"isAdmin":true}"""),
            _ => await EndByOwnerAsync(user),
        };

        Assert.True((int)done.StatusCode < 400, await done.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(thief));
    }

    [Fact]
    public async Task D3_A_disabled_account_opens_nothing_until_it_is_enabled_again()
    {
        var user = await host.AddUserAsync();
        using var script = host.WithToken(await host.TokenAsync(user));
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(script));

        var link = await admin.LinkAsync(user);

        await admin.Client.PatchJsonAsync($"/api/v1/users/{user.Id}", """{"isDisabled":true}""");

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(script));
        using var browser = new Forms(host);
        using var refused = await browser.SignInAsync(user.UserName!);
        Assert.StartsWith("/signin?error=wrong", refused.Headers.Location!.OriginalString, StringComparison.Ordinal);

        await admin.Client.PatchJsonAsync($"/api/v1/users/{user.Id}", """{"isDisabled":false}""");
        Assert.Equal(HttpStatusCode.OK, await AskAsync(script));
        // A link for a new password from before is gone for good.
        await RefusesAsync(link);
    }

    [Fact]
    public async Task D3_A_token_loses_its_owners_rights_with_him_and_a_link_for_a_new_password_ends_it()
    {
        var user = await host.AddUserAsync(isAdmin: true);
        using var script = host.WithToken(await host.TokenAsync(user));
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        Assert.Equal(HttpStatusCode.OK, (await script.GetAsync("/api/v1/users")).StatusCode);

        await admin.Client.PatchJsonAsync($"/api/v1/users/{user.Id}", """{"isAdmin":false}""");
        Assert.Equal(HttpStatusCode.Forbidden, (await script.GetAsync("/api/v1/users")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(script));

        using var browser = new Forms(host);
        await WelcomeAsync(browser, await admin.LinkAsync(user));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(script));
    }

    [Fact]
    public async Task D3_An_administrator_takes_somebodys_tokens_and_sessions_and_leaves_the_account()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        await using var member = await Person.SignInAsync(host);
        using var script = host.WithToken(await host.TokenAsync(member.User));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(script));

        using var taken = await admin.Client.DeleteAsync($"/api/v1/users/{member.User.Id}/tokens");

        Assert.Equal(HttpStatusCode.NoContent, taken.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(script));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(member.Client));
        Assert.Equal("/", (await member.Browser.SignInAsync(member.User.UserName!)).Headers.Location!.OriginalString);
        Assert.Equal(HttpStatusCode.NotFound, (await admin.Client.DeleteAsync($"/api/v1/users/{Guid.NewGuid()}/tokens")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await member.Client.DeleteAsync($"/api/v1/users/{admin.User.Id}/tokens")).StatusCode);
    }

    // A thief who waits for the owner to type the password has nothing of it.
    [Fact]
    public async Task D21_The_password_again_is_of_no_use_to_a_copy_of_the_cookie()
    {
        await using var person = await Person.SignInAsync(host);
        await host.Database.ExecuteAsync(
            "update sessions set proved_at = now() - interval '1 hour' where user_id = @Id", new { person.User.Id });
        using var copy = Copy(person.Browser);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(copy));

        (await person.Browser.PostAsync("/account/confirm", person.User.Id, ("password", ServerHost.Password))).Dispose();

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(copy));
        using var made = await person.Client.PostJsonAsync("/api/v1/tokens", """{"name":"mine","daysValid":7}""");
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
    }

    // Whatever is asked while the account changes is done before the change, which ends it too, or is refused.
    [Fact]
    public async Task D3_What_gives_rights_is_done_before_a_disabling_or_not_at_all()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        for (var round = 0; round < 6; round++)
        {
            await using var leaving = await Person.SignInAsync(host, isAdmin: true);
            var asked = Enumerable.Range(0, 6).Select(i => i % 2 == 0
                ? leaving.Client.PostJsonAsync("/api/v1/tokens", $$"""{"name":"{{i}}","daysValid":7}""")
                : leaving.Client.PostAsync("/api/v1/invites?admin=true", null)).ToList();
            using var disabled = await admin.Client.PatchJsonAsync($"/api/v1/users/{leaving.User.Id}", """{"isAdmin":false}""");
            Assert.Equal(HttpStatusCode.OK, disabled.StatusCode);
            foreach (var answer in await Task.WhenAll(asked)) answer.Dispose();

            Assert.Equal(0, await host.Database.ScalarAsync<long>(
                "select count(*) from invites where created_by = @Id and used_at is null", new { leaving.User.Id }));
        }
    }

    // Two administrators' acts on one account, and a link for another administrator's password, in the order of accounts that would
    // make a circle if each locked as it liked.
    [Fact]
    public async Task Acts_of_administrators_at_once_are_done_or_refused_and_wait_for_one_another_in_no_circle()
    {
        await using var older = await Person.SignInAsync(host, isAdmin: true);
        for (var round = 0; round < 6; round++)
        {
            var member = await host.AddUserAsync();
            await using var one = await Person.SignInAsync(host, isAdmin: true);
            await using var other = await Person.SignInAsync(host, isAdmin: true);
            await host.Database.ExecuteAsync(
                "insert into second_factors (user_id, secret, made_at, confirmed_at) values (@Id, '', now(), now())", new { member.Id });
            Task<HttpResponseMessage>[] asked =
            [
                one.Client.PatchJsonAsync($"/api/v1/users/{member.Id}", """{"isDisabled":true}"""),
                other.Client.DeleteAsync($"/api/v1/users/{member.Id}/second-factor"),
                one.Client.PostAsync($"/api/v1/users/{older.User.Id}/password-link", null),
                other.Client.PatchJsonAsync($"/api/v1/users/{member.Id}", """{"isAdmin":true}"""),
                one.Client.DeleteAsync($"/api/v1/users/{member.Id}/tokens"),
            ];
            foreach (var answer in await Task.WhenAll(asked))
                Assert.True((int)answer.StatusCode < 300, $"{answer.RequestMessage!.RequestUri}: {answer.StatusCode}");
        }
    }

    [Fact]
    public async Task A_deleted_account_leaves_its_name_which_nobody_else_gets()
    {
        var user = await host.AddUserAsync();
        await using var admin = await Person.SignInAsync(host, isAdmin: true);

        Assert.Equal(HttpStatusCode.NoContent, (await admin.Client.DeleteAsync($"/api/v1/users/{user.Id}")).StatusCode);

        Assert.DoesNotContain(await admin.Client.GetAsync<List<UserView>>("/api/v1/users"), one => one.Id == user.Id);
        using var browser = new Forms(host);
        using var taken = await WelcomeAsync(browser, await admin.LinkAsync(null), user.UserName!.ToUpperInvariant());
        Assert.EndsWith("error=name-taken", taken.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("http://lab.example/convex")]
    public async Task D10_A_link_begins_with_our_address_whatever_a_request_says_of_itself(string? publicUrl)
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        var settings = host.Services.GetRequiredService<IOptions<Settings>>().Value;
        settings.PublicUrl = publicUrl;
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/invites");
            request.Headers.Add("X-Forwarded-Host", "evil.example");
            request.Headers.Add("X-Forwarded-Proto", "https");
            using var answer = await admin.Client.SendAsync(request);

            var link = (await answer.ReadAsync<OneTimeLink>()).Link;
            Assert.StartsWith($"{publicUrl ?? host.Address.ToString().TrimEnd('/')}/welcome?token=", link, StringComparison.Ordinal);
        }
        finally
        {
            settings.PublicUrl = null;
        }
    }

    [Fact]
    public async Task D15_Of_several_links_for_a_password_the_first_that_is_used_voids_the_others_and_so_does_a_change_or_a_withdrawal()
    {
        var user = await host.AddUserAsync();
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        var links = new List<string>();
        for (var i = 0; i < 4; i++) links.Add(await admin.LinkAsync(user));

        using var browser = new Forms(host);
        Assert.Equal("/", (await WelcomeAsync(browser, links[0])).Headers.Location!.OriginalString);
        foreach (var spent in links[1..])
            await RefusesAsync(spent);

        var late = await admin.LinkAsync(user);
        await browser.PostAsync("/account/password", user.Id, ("current", NewPassword), ("password", "another loud meadow"));
        await RefusesAsync(late);

        var withdrawn = await admin.LinkAsync(null);
        foreach (var link in await admin.Client.GetAsync<List<LinkView>>("/api/v1/invites"))
            Assert.Equal(HttpStatusCode.NoContent, (await admin.Client.DeleteAsync($"/api/v1/invites/{link.Id}")).StatusCode);
        await RefusesAsync(withdrawn);
    }

    [Fact]
    public async Task D21_Sessions_are_listed_with_what_tells_them_apart_and_only_to_their_owner()
    {
        var user = await host.AddUserAsync();
        using var here = new Forms(host);
        using var there = new Forms(host);
        there.Client.DefaultRequestHeaders.Add("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0");
        await here.SignInAsync(user.UserName!);
        await there.SignInAsync(user.UserName!);

        var sessions = await here.Client.GetAsync<List<SessionView>>("/api/v1/sessions");

        Assert.Equal(2, sessions.Count);
        var other = Assert.Single(sessions, session => !session.IsCurrent);
        Assert.Equal(("Firefox on Linux", "127.0.0.1"), (other.Device, other.Network));
        await using var stranger = await Person.SignInAsync(host);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Client.DeleteAsync($"/api/v1/sessions/{other.Id}")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await here.Client.DeleteAsync($"/api/v1/sessions/{other.Id}")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(there.Client));
    }

    [Fact]
    public async Task D21_What_gives_rights_wants_the_password_again_after_ten_minutes()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        await using (var connection = await host.Database.OpenConnectionAsync())
        {
            await connection.ExecuteAsync(
                "update sessions set proved_at = now() - interval '11 minutes' where user_id = @Id", new { admin.User.Id });
        }

        foreach (var ask in new Func<Task<HttpResponseMessage>>[]
                 {
                     () => admin.Client.PostJsonAsync("/api/v1/tokens", """{"name":"x"}"""),
                     () => admin.Client.PostAsync("/api/v1/invites?admin=true", null),
                     () => admin.Client.PatchJsonAsync($"/api/v1/users/{admin.User.Id}", """{"isAdmin":true}"""),
                 })
        {
            using var refused = await ask();
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
            Assert.Contains("Type your password again", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        using var wrong = await admin.Client.PostJsonAsync("/api/v1/sessions/password", """{"password":"not it at all"}""");
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        using var right = await admin.Client.PostJsonAsync("/api/v1/sessions/password", $$"""{"password":"{{ServerHost.Password}}"}""");
        Assert.Equal(HttpStatusCode.NoContent, right.StatusCode);
        using var made = await admin.Client.PostJsonAsync("/api/v1/tokens", """{"name":"x"}""");
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
    }

    [Theory]
    [InlineData(TokenScope.Read, HttpStatusCode.OK, HttpStatusCode.Forbidden, HttpStatusCode.Forbidden)]
    [InlineData(TokenScope.Submit, HttpStatusCode.OK, HttpStatusCode.Created, HttpStatusCode.Forbidden)]
    [InlineData(TokenScope.Manage, HttpStatusCode.OK, HttpStatusCode.Created, HttpStatusCode.OK)]
    public async Task A_token_reaches_as_far_as_its_scope(
        TokenScope scope, HttpStatusCode reads, HttpStatusCode submits, HttpStatusCode manages)
    {
        using var client = host.WithToken(await host.TokenAsync(await host.AddUserAsync(isAdmin: true), may: scope));

        Assert.Equal(reads, (await client.GetAsync("/api/v1/runs")).StatusCode);
        Assert.Equal(submits, (await client.PostJsonAsync("/api/v1/runs", $$"""{"spec":{{StoredRun.Spec}}}""")).StatusCode);
        Assert.Equal(manages, (await client.GetAsync("/api/v1/users")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await client.GetAsync("/api/v1/sessions")).StatusCode);
    }

    private static async Task<HttpStatusCode> AskAsync(HttpClient client)
    {
        using var answer = await client.GetAsync("/api/v1/runs");
        return answer.StatusCode;
    }

    private HttpClient Copy(Forms browser)
    {
        var thief = host.Anonymous();
        thief.DefaultRequestHeaders.Add("Cookie", browser.CookieHeader);
        return thief;
    }

    private async Task<HttpResponseMessage> EndByOwnerAsync(User user)
    {
        using var elsewhere = new Forms(host);
        await elsewhere.SignInAsync(user.UserName!);
        return await elsewhere.Client.DeleteAsync("/api/v1/sessions");
    }

    private static Task<HttpResponseMessage> WelcomeAsync(Forms browser, string token, string name = "")
        => browser.PostAsync("/account/welcome", ("token", token), ("name", name), ("password", NewPassword));

    private async Task RefusesAsync(string link)
    {
        using var answer = await WelcomeAsync(new Forms(host), link, "somebody");
        Assert.Contains("error=link", answer.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }
}

/// <summary>With one administrator, who is the last.</summary>
[Trait("kind", "database")]
public sealed class LastAdministratorTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task D3_The_last_administrator_who_can_sign_in_stays_one()
    {
        var admin = await host.AddUserAsync(isAdmin: true);
        using var browser = new Forms(host);
        await browser.SignInAsync(admin.UserName!);

        foreach (var change in new[] { """{"isAdmin":false}""", """{"isDisabled":true}""" })
        {
            using var refused = await browser.Client.PatchJsonAsync($"/api/v1/users/{admin.Id}", change);
            Assert.Contains("last administrator", (await refused.ProblemsAsync())[""][0], StringComparison.Ordinal);
        }
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.Client.DeleteAsync($"/api/v1/users/{admin.Id}")).StatusCode);
    }
}
