using System.Net;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Http;
using ConvexWeb.Tests.Support;
using Dapper;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Accounts;

[Trait("kind", "database")]
public sealed class SignInTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task The_right_password_opens_a_session()
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);

        using var response = await browser.SignInAsync(user.UserName!, returnUrl: "/runs/1");

        Assert.Equal("/runs/1", response.Headers.Location!.OriginalString);
        Assert.True(browser.Session is { HttpOnly: true, Path: "/" });
        var names = host.Services.GetRequiredService<CookieNames>();
        var cookie = response.Headers.GetValues("Set-Cookie")
            .Single(one => one.StartsWith(names.Session + "=", StringComparison.Ordinal));
        Assert.Contains("samesite=lax", cookie, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await browser.Client.GetAsync("/api/v1/runs")).StatusCode);
    }

    [Theory]
    [InlineData("http://evil.example/")]
    [InlineData("//evil.example/")]
    [InlineData("/\\evil.example")]
    public async Task Nobody_is_sent_elsewhere_after_it(string returnUrl)
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        using var response = await browser.SignInAsync(user.UserName!, returnUrl: returnUrl);

        Assert.Equal("/", response.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task A_wrong_password_and_an_unknown_name_look_the_same()
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        using var wrong = await browser.SignInAsync(user.UserName!, "not the password");
        using var unknown = await browser.SignInAsync("nobody-at-all", "not the password");

        Assert.Equal("/signin?error=wrong&returnUrl=%2F", wrong.Headers.Location!.OriginalString);
        Assert.Equal(wrong.Headers.Location, unknown.Headers.Location);
        Assert.Null(browser.Session);
    }

    [Fact]
    public async Task D4_No_more_passwords_are_tried_in_a_burst_of_fifty_than_one_after_the_other()
    {
        var user = await host.AddUserAsync();
        var browsers = Enumerable.Range(0, 50).Select(_ => new Forms(host)).ToList();

        var answers = await Task.WhenAll(browsers.Select((browser, i) => browser.SignInAsync(user.UserName!, "guess " + i)));

        var tried = answers.Count(answer => answer.Headers.Location!.OriginalString.Contains("error=wrong", StringComparison.Ordinal));
        Assert.InRange(tried, 1, 9); // eight, and one for the minute that may have begun
        Assert.All(browsers, browser => Assert.Null(browser.Session));
    }

    [Theory]
    [InlineData("192.0.2.7", "192.0.2.7")]
    [InlineData("::ffff:192.0.2.7", "192.0.2.7")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")]
    public void D20_A_network_is_an_address_of_IPv4_and_a_64_of_IPv6(string address, string network)
        => Assert.Equal(network, Network.Of(IPAddress.Parse(address)));

    [Fact]
    public async Task D9_Guessing_slows_down_also_for_the_right_password_but_not_where_its_owner_has_signed_in_before()
    {
        var user = await host.AddUserAsync();
        using var owners = new Forms(host);
        (await owners.SignInAsync(user.UserName!)).Dispose();
        using var strangers = new Forms(host);
        for (var i = 0; i < 8; i++) (await strangers.SignInAsync(user.UserName!, "guess " + i)).Dispose();

        using var response = await strangers.SignInAsync(user.UserName!);
        Assert.StartsWith("/signin?error=busy", response.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Null(strangers.Session);

        await owners.PostAsync("/account/signout", user.Id);
        using var again = await owners.SignInAsync(user.UserName!);
        Assert.Equal("/", again.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task Who_knows_the_password_signs_in_as_often_as_he_likes_and_guesses_count_all_the_same()
    {
        var user = await host.AddUserAsync();
        for (var i = 0; i < 20; i++)
        {
            using var browser = new Forms(host);
            using var opened = await browser.SignInAsync(user.UserName!);
            Assert.Equal("/", opened.Headers.Location!.OriginalString);
        }

        using var stranger = new Forms(host);
        var answers = new List<string>();
        for (var i = 0; i < 10; i++)
        {
            using var guess = await stranger.SignInAsync(user.UserName!, "guess " + i);
            answers.Add(guess.Headers.Location!.OriginalString);
        }
        Assert.InRange(answers.Count(answer => answer.Contains("error=wrong", StringComparison.Ordinal)), 8, 9);
    }

    [Fact]
    public async Task A_form_without_its_token_is_refused()
    {
        var user = await host.AddUserAsync();
        using var client = host.Anonymous();
        using var response = await client.PostAsync(
            "/account/signin", new FormUrlEncodedContent([new("name", user.UserName!), new("password", ServerHost.Password)]));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.False(response.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task A_form_from_before_its_reader_signed_in_elsewhere_leads_on_and_shows_no_JSON()
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        browser.Client.DefaultRequestHeaders.Add("Accept", "text/html");
        await browser.SignInAsync(user.UserName!);

        // The second tab's form was made for nobody, and its reader is somebody now.
        using var again = await browser.SignInAsync(user.UserName!);
        Assert.Equal(HttpStatusCode.Found, again.StatusCode);
        Assert.Equal("/", again.Headers.Location!.OriginalString);

        // And the other way round: signed out meanwhile.
        using var stranger = new Forms(host);
        stranger.Client.DefaultRequestHeaders.Add("Accept", "text/html");
        using var stale = await stranger.PostAsync("/account/signin", user.Id, ("name", user.UserName!), ("password", ServerHost.Password));
        Assert.Equal("/signin?error=stale", stale.Headers.Location!.OriginalString);
        Assert.Null(stranger.Session);
    }

    [Fact]
    public async Task A_changed_password_holds_and_signs_every_other_browser_out()
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        using var elsewhere = new Forms(host);
        await browser.SignInAsync(user.UserName!);
        await elsewhere.SignInAsync(user.UserName!);
        async Task<string> ChangeAsync(string current, string next)
        {
            using var answer = await browser.PostAsync("/account/password", user.Id, ("current", current), ("password", next));
            return answer.Headers.Location!.OriginalString;
        }

        Assert.Equal("/account?password=wrong", await ChangeAsync("not it at all", "a new silent meadow"));
        Assert.Equal("/account?password=password-short", await ChangeAsync(ServerHost.Password, "short"));
        Assert.Equal(HttpStatusCode.OK, (await elsewhere.Client.GetAsync("/api/v1/runs")).StatusCode);
        Assert.Equal("/account?password=changed", await ChangeAsync(ServerHost.Password, "a new silent meadow"));

        Assert.Equal(HttpStatusCode.OK, (await browser.Client.GetAsync("/api/v1/runs")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await elsewhere.Client.GetAsync("/api/v1/runs")).StatusCode);
        var byOldPassword = await new Forms(host).SignInAsync(user.UserName!);
        Assert.Contains("error=wrong", byOldPassword.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Equal("/", (await new Forms(host).SignInAsync(user.UserName!, "a new silent meadow")).Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task A_password_is_not_changed_without_a_session_or_with_a_token()
    {
        var user = await host.AddUserAsync();
        using var stranger = new Forms(host);
        using var refused = await stranger.PostAsync(
            "/account/password", ("current", ServerHost.Password), ("password", "a new silent meadow"));
        using var byToken = host.WithToken(await host.TokenAsync(user));
        using var withToken = await byToken.PostAsync(
            "/account/password",
            new FormUrlEncodedContent([new("current", ServerHost.Password), new("password", "a new silent meadow")]));

        Assert.NotEqual("/account?password=changed", refused.Headers.Location?.OriginalString);
        Assert.NotEqual("/account?password=changed", withToken.Headers.Location?.OriginalString);
        Assert.Equal("/", (await new Forms(host).SignInAsync(user.UserName!)).Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task Signing_out_ends_the_session_for_whoever_has_copied_the_cookie()
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        await browser.SignInAsync(user.UserName!);
        using var thief = host.Anonymous();
        thief.DefaultRequestHeaders.Add("Cookie", browser.CookieHeader);
        Assert.Equal(HttpStatusCode.OK, (await thief.GetAsync("/api/v1/runs")).StatusCode);

        using var response = await browser.PostAsync("/account/signout", user.Id);

        Assert.Equal("/signin", response.Headers.Location!.OriginalString);
        Assert.Equal(HttpStatusCode.Unauthorized, (await thief.GetAsync("/api/v1/runs")).StatusCode);
    }

    [Fact]
    public async Task A_session_ends_a_week_after_its_start_however_much_it_is_used()
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        await browser.SignInAsync(user.UserName!);
        await using (var connection = await host.Database.OpenConnectionAsync())
            await connection.ExecuteAsync(
                "update sessions set created_at = now() - interval '8 days' where user_id = @Id", new { user.Id });

        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.Client.GetAsync("/api/v1/runs")).StatusCode);
    }

    [Fact]
    public async Task Neither_passwords_nor_session_secrets_are_stored()
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        await browser.SignInAsync(user.UserName!);
        await using var connection = await host.Database.OpenConnectionAsync();

        var (row, hash) = await connection.QuerySingleAsync<(string, string)>(
            "select u::text || s::text, s.secret_hash from users u join sessions s on s.user_id = u.id where u.id = @Id", new { user.Id });

        Assert.Equal(hash, Secret.Hash(browser.Session!.Value)); // so it is the session's secret that we look for
        foreach (var known in new[] { ServerHost.Password, browser.Session.Value })
            Assert.DoesNotContain(known, row, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_no_text_may_hold_is_a_wrong_name()
    {
        using var browser = new Forms(host);
        using var response = await browser.PostPartsAsync("/account/signin", ("name", "a\0b"), ("password", ServerHost.Password));
        using var encoded = await browser.SignInAsync("a\0b");

        Assert.Equal("/signin?error=wrong&returnUrl=%2F", response.Headers.Location!.OriginalString);
        Assert.Equal(HttpStatusCode.BadRequest, encoded.StatusCode); // refused before anybody reads it
    }
}

public sealed class SlowHost(PostgresCluster cluster) : ServerHost(cluster)
{
    protected override IEnumerable<KeyValuePair<string, string>> Settings => [new("Convex:Limits:SignInsPerMinute", "5")];
}

[Trait("kind", "database")]
public sealed class SignInLimitTests(SlowHost host) : IClassFixture<SlowHost>
{
    [Fact]
    public async Task Too_many_tries_from_one_address_are_turned_away_and_lose_nothing_of_their_form()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        var owner = await host.AddUserAsync();
        using var owners = new Forms(host);
        (await owners.SignInAsync(owner.UserName!)).Dispose();
        using var browser = new Forms(host);
        for (var i = 0; i < 5; i++)
        {
            (await browser.SignInAsync("somebody" + i)).Dispose();
            (await browser.PostAsync("/account/welcome", ("token", "no link"), ("name", "ada"))).Dispose();
        }

        using var response = await browser.SignInAsync("somebody else", returnUrl: "/runs/1");
        using var elsewhere = await browser.SignInAsync("somebody else", returnUrl: "http://evil.example/");
        using var welcome = await browser.PostAsync("/account/welcome", ("token", "once-only"), ("name", "ada"));

        Assert.Equal("/signin?error=busy&returnUrl=%2Fruns%2F1", response.Headers.Location!.OriginalString);
        Assert.Equal("/signin?error=busy&returnUrl=%2F", elsewhere.Headers.Location!.OriginalString);
        Assert.Equal("/welcome?token=once-only&error=busy", welcome.Headers.Location!.OriginalString);

        // D9: none of this is a lock on others behind the same address who have been here before, or who bring a link.
        await owners.PostAsync("/account/signout", owner.Id);
        Assert.Equal("/", (await owners.SignInAsync(owner.UserName!)).Headers.Location!.OriginalString);
        using var confirmed = await owners.PostAsync(
            "/account/confirm", owner.Id, ("password", ServerHost.Password), ("returnUrl", "/account"));
        Assert.Equal("/account", confirmed.Headers.Location!.OriginalString);
        using var made = await admin.Browser.Client.PostAsync("/api/v1/invites", null);
        var link = (await made.ReadAsync<OneTimeLink>()).Link;
        using var invited = await new Forms(host).PostAsync(
            "/account/welcome", ("token", link[(link.IndexOf("token=", StringComparison.Ordinal) + 6)..]), ("name", "newcomer"),
            ("password", "a quiet violet hill"));
        Assert.Equal("/", invited.Headers.Location!.OriginalString);
    }
}
