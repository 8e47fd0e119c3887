using System.Net;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Accounts;

/// <summary>Defects D7 and D19 of the security review: who did what, when and from where, is to be read afterwards.</summary>
[Trait("kind", "database")]
public sealed class AuditTests(ServerHost host) : IClassFixture<ServerHost>
{
    private const string NewPassword = "a new silent meadow";

    [Fact]
    public async Task D7_What_opens_doors_is_noted_with_who_did_it_and_from_where()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        var member = await host.AddUserAsync();
        using var browser = new Forms(host);
        (await browser.SignInAsync(member.UserName!, "not the password")).Dispose();
        (await browser.SignInAsync(member.UserName!)).Dispose();
        var token = await (await browser.Client.PostJsonAsync("/api/v1/tokens", """{"name":"nightly","scope":"Read","daysValid":7}"""))
            .ReadAsync<NewToken>(HttpStatusCode.Created);
        (await browser.Client.DeleteAsync($"/api/v1/tokens/{token.Token.Id}")).Dispose();
        (await browser.Client.GetAsync("/api/v1/users")).Dispose();
        (await browser.PostAsync(
            "/account/password", member.Id, ("current", ServerHost.Password), ("password", NewPassword))).Dispose();
        (await browser.PostAsync("/account/signout", member.Id)).Dispose();
        (await admin.Browser.Client.PostAsync($"/api/v1/users/{member.Id}/password-link", null)).Dispose();
        (await admin.Browser.Client.PatchJsonAsync($"/api/v1/users/{member.Id}", """{"isAdmin":true}""")).Dispose();
        (await admin.Browser.Client.PatchJsonAsync($"/api/v1/users/{member.Id}", """{"isDisabled":true}""")).Dispose();
        (await admin.Browser.Client.PatchJsonAsync($"/api/v1/users/{member.Id}", """{"isDisabled":false}""")).Dispose();
        (await admin.Browser.Client.DeleteAsync($"/api/v1/users/{member.Id}")).Dispose();

        var byMember = await EntriesAsync(admin, $"actor={member.UserName}");
        var byAdmin = await EntriesAsync(admin, $"actor={admin.User.UserName}&about={member.UserName}");
        var byStranger = await EntriesAsync(admin, $"about={member.UserName}&action=PasswordRefused");

        Assert.Equal(
            [
                AuditAction.SignedIn, AuditAction.TokenMade, AuditAction.TokenRevoked, AuditAction.Refused, AuditAction.PasswordChanged,
                AuditAction.SignedIn, AuditAction.SignedOut,
            ],
            byMember.Select(entry => entry.Action));
        Assert.Equal(
            [
                AuditAction.LinkMade, AuditAction.RoleChanged, AuditAction.AccountDisabled, AuditAction.AccountEnabled,
                AuditAction.AccountDeleted,
            ],
            byAdmin.Select(entry => entry.Action));
        Assert.Equal("a stranger", Assert.Single(byStranger).Actor);
        Assert.All(byMember.Concat(byAdmin).Concat(byStranger), entry => Assert.Equal("127.0.0.1", entry.Network));
        Assert.Equal("GET /api/v1/users", byMember[3].Subject);
    }

    [Fact]
    public async Task A_name_that_no_account_has_is_not_noted_since_it_may_be_a_password()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        using var browser = new Forms(host);
        (await browser.SignInAsync("my-secret-phrase")).Dispose();

        Assert.Empty(await EntriesAsync(admin, "about=my-secret-phrase"));
        Assert.NotEmpty(await EntriesAsync(admin, "about=a+name+that+no+account+has"));
    }

    [Fact]
    public async Task Tries_that_are_not_looked_at_any_more_are_noted_once()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        var member = await host.AddUserAsync();
        using var browser = new Forms(host);
        for (var i = 0; i < 14; i++) (await browser.SignInAsync(member.UserName!, "not the password")).Dispose();

        Assert.Equal(8, (await EntriesAsync(admin, $"about={member.UserName}&action=PasswordRefused")).Count);
        var noted = Assert.Single(await EntriesAsync(admin, $"about={member.UserName}&action=TooManyTries"));
        Assert.Equal(("a stranger", "127.0.0.1", "passwords"), (noted.Actor, noted.Network, noted.Detail));
    }

    [Fact]
    public async Task D7_A_token_that_is_no_good_and_what_is_refused_of_others_runs_are_noted_and_a_change_of_nothing_is_none()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        await using var member = await Person.SignInAsync(host);
        using var owner = await host.UserAsync();
        var run = await owner.SubmitAsync();
        using var unknown = host.WithToken("cvx_nobodys");
        for (var i = 0; i < 3; i++) (await unknown.GetAsync("/api/v1/runs")).Dispose();
        (await member.Client.PostJsonAsync("/api/v1/runs/actions", $$"""{"action":"cancel","ids":[{{run}}]}""")).Dispose();
        using var nothing = await admin.Client.PatchJsonAsync($"/api/v1/users/{member.User.Id}", "{}");

        Assert.Single(await EntriesAsync(admin, "action=TokenRefused"));
        var refused = Assert.Single(await EntriesAsync(admin, $"actor={member.User.UserName}&action=Refused"));
        Assert.Contains($"run {run} of ", refused.Subject, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, nothing.StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await member.Client.GetAsync("/api/v1/runs")).StatusCode);
    }

    [Fact]
    public async Task D19_What_is_done_with_the_run_of_somebody_else_is_noted_and_with_ones_own_not()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        var owner = await host.AddUserAsync();
        using var client = host.WithToken(await host.TokenAsync(owner));
        var (own, foreign) = (await client.SubmitAsync(), await client.SubmitAsync());
        (await client.PostAsync($"/api/v1/runs/{own}/cancel", null)).Dispose();
        (await admin.Browser.Client.PostAsync($"/api/v1/runs/{foreign}/cancel", null)).Dispose();

        Assert.Empty(await EntriesAsync(admin, $"about=run+{own}+of"));
        var noted = Assert.Single(await EntriesAsync(admin, $"about=run+{foreign}+of+{owner.UserName}"));
        Assert.Equal((AuditAction.RunOfAnother, admin.User.UserName, "cancel"), (noted.Action, noted.Actor, noted.Detail));
    }

    [Fact]
    public async Task Only_administrators_read_it()
    {
        using var member = await host.UserAsync();
        using var reader = host.WithToken(await host.TokenAsync(await host.AddUserAsync(isAdmin: true), may: TokenScope.Read));
        foreach (var path in new[] { "/api/v1/audit", "/api/v1/audit/export", "/api/v1/audit/check" })
        {
            Assert.Equal(HttpStatusCode.Forbidden, (await member.GetAsync(path)).StatusCode);
            Assert.Equal(HttpStatusCode.Forbidden, (await reader.GetAsync(path)).StatusCode);
        }
    }

    [Fact]
    public async Task The_export_has_every_entry_once_and_no_formula()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        (await admin.Browser.Client.PostJsonAsync("/api/v1/tokens", """{"name":"=HYPERLINK(\"x\")"}""")).Dispose();

        var lines = (await admin.Browser.Client.GetStringAsync("/api/v1/audit/export")).TrimEnd('\n').Split('\n');
        var found = await EntriesAsync(admin, "limit=1000");

        Assert.StartsWith("seq,at,actor", lines[0], StringComparison.Ordinal);
        Assert.Superset(found.Select(entry => $"{entry.Seq}").ToHashSet(), lines.Skip(1).Select(line => line.Split(',')[0]).ToHashSet());
        Assert.Equal(lines.Length, lines.Distinct().Count());
        Assert.Contains(lines, line => line.Contains("\"'=HYPERLINK(\"\"x\"\")\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task It_is_whole_after_all_of_this()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        var check = await admin.Browser.Client.GetAsync("/api/v1/audit/check");
        Assert.Null((await check.ReadAsync<AuditCheckView>()).Problem);
    }

    private static async Task<IReadOnlyList<AuditEntryView>> EntriesAsync(Person reader, string query)
    {
        using var answer = await reader.Browser.Client.GetAsync($"/api/v1/audit?{query}");
        return [.. (await answer.ReadAsync<List<AuditEntryView>>()).OrderBy(entry => entry.Seq)];
    }
}
