using System.Net;
using System.Net.Http.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OtpNet;

namespace ConvexWeb.Tests.Accounts;

/// <summary>The second factor: how it is turned on and off, what it keeps out, and what it means for administrators.</summary>
[Trait("kind", "database")]
public sealed class SecondFactorTests(ServerHost host) : IClassFixture<ServerHost>, IDisposable
{
    private Settings Settings => host.Services.GetRequiredService<IOptions<Settings>>().Value;

    public void Dispose() => Settings.AdminsNeedSecondFactor = false;

    [Fact]
    public async Task The_password_alone_opens_nothing_and_each_code_works_once()
    {
        await using var person = await Person.SignInAsync(host);
        var (app, _) = await TurnOnAsync(person);

        using var browser = new Forms(host);
        using var half = await browser.SignInAsync(person.User.UserName!, returnUrl: "/runs/1");
        Assert.Equal("/code?returnUrl=%2Fruns%2F1", half.Headers.Location!.OriginalString);
        Assert.Null(browser.Session);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(browser));

        Assert.StartsWith("/code?error=wrong", await CodeAsync(browser, "000000"), StringComparison.Ordinal);
        var next = Next(app);
        Assert.Equal("/runs/1", await CodeAsync(browser, next, "/runs/1"));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(browser));

        using var second = new Forms(host);
        await second.SignInAsync(person.User.UserName!);
        Assert.StartsWith("/code?error=wrong", await CodeAsync(second, next), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(second));
    }

    [Fact]
    public async Task Of_several_requests_at_once_with_one_code_one_gets_in()
    {
        await using var person = await Person.SignInAsync(host);
        var (app, _) = await TurnOnAsync(person);
        var browsers = Enumerable.Range(0, 6).Select(_ => new Forms(host)).ToList();
        foreach (var browser in browsers) (await browser.SignInAsync(person.User.UserName!)).Dispose();
        var code = Next(app);

        var answers = await Task.WhenAll(browsers.Select(browser => CodeAsync(browser, code)));

        Assert.Equal(1, answers.Count(answer => answer == "/"));
    }

    [Fact]
    public async Task Without_the_password_typed_shortly_before_a_code_is_worth_nothing()
    {
        await using var person = await Person.SignInAsync(host);
        var (app, _) = await TurnOnAsync(person);
        using var browser = new Forms(host);

        Assert.StartsWith("/signin?error=stale", await CodeAsync(browser, Next(app)), StringComparison.Ordinal);

        // Nor when the password was changed meanwhile.
        await browser.SignInAsync(person.User.UserName!);
        using var changed = await person.Browser.PostAsync(
            "/account/password", person.User.Id,
            ("current", ServerHost.Password), ("code", Next(app)), ("password", "another silent meadow"));
        Assert.EndsWith("=changed", changed.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.StartsWith("/signin?error=stale", await CodeAsync(browser, Next(app)), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(browser));
    }

    [Fact]
    public async Task A_change_of_the_password_wants_a_code_too_and_is_no_way_around_it()
    {
        await using var person = await Person.SignInAsync(host);
        var (app, _) = await TurnOnAsync(person);
        await host.Database.ExecuteAsync("update sessions set proved_at = now() - interval '1 hour'");

        Assert.Equal("/account?password=code", await ChangeAsync(null));
        Assert.Equal("/account?password=code", await ChangeAsync("000000"));
        Assert.Equal(HttpStatusCode.Forbidden, (await person.Client.DeleteAsync("/api/v1/second-factor")).StatusCode);
        Assert.Equal("/account?password=changed", await ChangeAsync(Next(app)));

        async Task<string> ChangeAsync(string? code)
        {
            using var answer = await person.Browser.PostAsync(
                "/account/password", person.User.Id,
                ("current", ServerHost.Password), ("code", code), ("password", "another silent meadow"));
            return answer.Headers.Location!.OriginalString;
        }
    }

    [Fact]
    public async Task A_new_password_that_is_too_weak_uses_up_no_recovery_code()
    {
        await using var person = await Person.SignInAsync(host);
        var (_, codes) = await TurnOnAsync(person);

        Assert.EndsWith("=password-short", await ChangeAsync("short"), StringComparison.Ordinal);
        Assert.EndsWith("=changed", await ChangeAsync("another silent meadow"), StringComparison.Ordinal);
        Assert.EndsWith("=code", await ChangeAsync("a third silent meadow"), StringComparison.Ordinal);

        async Task<string> ChangeAsync(string password)
        {
            var current = password.StartsWith("a third", StringComparison.Ordinal) ? "another silent meadow" : ServerHost.Password;
            using var answer = await person.Browser.PostAsync(
                "/account/password", person.User.Id, ("current", current), ("code", codes[0]), ("password", password));
            return answer.Headers.Location!.OriginalString;
        }
    }

    [Fact]
    public async Task No_sign_in_that_is_under_way_outlives_a_new_password_or_a_second_factor()
    {
        var user = await host.AddUserAsync();
        var context = new DefaultHttpContext { RequestServices = host.Services };
        var before = new User { Id = user.Id, UserName = user.UserName, PasswordHash = user.PasswordHash };
        var sessions = host.Services.GetRequiredService<Sessions>();
        Assert.True(await sessions.BeginAsync(context, before, Factor.None, default));

        await host.Database.ExecuteAsync("insert into second_factors values (@Id, 'x', 0, now(), now())", new { user.Id });
        Assert.False(await sessions.BeginAsync(context, before, Factor.None, default));
        Assert.True(await sessions.BeginAsync(context, before, Factor.Shown, default));

        await host.Database.ExecuteAsync("update users set password_hash = 'another' where id = @Id", new { user.Id });
        Assert.False(await sessions.BeginAsync(context, before, Factor.Shown, default));
    }

    [Fact]
    public async Task A_recovery_code_works_once_however_it_is_typed_and_new_ones_void_the_old()
    {
        await using var person = await Person.SignInAsync(host);
        var (_, codes) = await TurnOnAsync(person);
        Assert.Equal(10, codes.Distinct().Count());

        Assert.Equal("/", await EnterAsync(codes[0].ToUpperInvariant().Replace('-', ' ')));
        Assert.StartsWith("/code?error=wrong", await EnterAsync(codes[0]), StringComparison.Ordinal);
        Assert.Equal(9, (await person.Client.GetAsync<SecondFactorView>("/api/v1/second-factor")).CodesLeft);

        var renewed = (await (await person.Client.PostAsync("/api/v1/second-factor/recovery-codes", null))
            .ReadAsync<RecoveryCodeList>()).Codes;
        Assert.StartsWith("/code?error=wrong", await EnterAsync(codes[1]), StringComparison.Ordinal);
        Assert.Equal("/", await EnterAsync(renewed[1]));

        async Task<string> EnterAsync(string code)
        {
            using var browser = new Forms(host);
            await browser.SignInAsync(person.User.UserName!);
            return await CodeAsync(browser, code);
        }
    }

    [Fact]
    public async Task Codes_are_counted_before_they_are_looked_at_also_in_a_burst_and_the_owners_browser_has_a_count_of_its_own()
    {
        await using var person = await Person.SignInAsync(host);
        var (app, _) = await TurnOnAsync(person);
        var thieves = Enumerable.Range(0, 6).Select(_ => new Forms(host)).ToList();
        foreach (var thief in thieves) (await thief.SignInAsync(person.User.UserName!)).Dispose();

        var answers = new List<string>();
        for (var i = 0; i < 4; i++) answers.AddRange(await Task.WhenAll(thieves.Select(thief => CodeAsync(thief, $"00000{i}"))));

        var looked = answers.Count(answer => answer.StartsWith("/code?error=wrong", StringComparison.Ordinal));
        Assert.InRange(looked, 1, 8);
        Assert.StartsWith("/code?error=busy", await CodeAsync(thieves[0], Next(app)), StringComparison.Ordinal);

        (await person.Browser.PostAsync("/account/signout", person.User.Id)).Dispose();
        await person.Browser.SignInAsync(person.User.UserName!);
        Assert.Equal("/", await CodeAsync(person.Browser, Next(app)));
    }

    [Fact]
    public async Task Turning_it_on_or_off_ends_the_other_sessions_and_wants_the_password_and_a_code()
    {
        await using var person = await Person.SignInAsync(host);
        using var other = new Forms(host);
        await other.SignInAsync(person.User.UserName!);
        var (app, _) = await TurnOnAsync(person);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(other));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(person.Browser));

        await host.Database.ExecuteAsync("update sessions set proved_at = now() - interval '1 hour'");
        Assert.Equal(HttpStatusCode.Forbidden, (await person.Client.DeleteAsync("/api/v1/second-factor")).StatusCode);
        foreach (var code in new[] { null, "000000" })
        {
            using var refused = await person.Client.PostAsJsonAsync(
                "/api/v1/sessions/password", new PasswordProof(ServerHost.Password, code));
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        }
        using var proved = await person.Client.PostAsJsonAsync(
            "/api/v1/sessions/password", new PasswordProof(ServerHost.Password, Next(app)));
        Assert.Equal(HttpStatusCode.NoContent, proved.StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await person.Client.DeleteAsync("/api/v1/second-factor")).StatusCode);

        using var browser = new Forms(host);
        using var whole = await browser.SignInAsync(person.User.UserName!);
        Assert.Equal("/", whole.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task A_link_for_a_new_password_does_not_go_around_it_and_an_administrator_can_turn_it_off()
    {
        await using var person = await Person.SignInAsync(host);
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        await TurnOnAsync(person);
        using var browser = new Forms(host);

        using var set = await browser.PostAsync(
            "/account/welcome", ("token", await admin.LinkAsync(person.User)), ("password", "another silent meadow"));
        Assert.StartsWith("/code?", set.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(browser));

        var address = $"/api/v1/users/{person.User.Id}/second-factor";
        var users = await admin.Client.GetAsync<List<UserView>>("/api/v1/users");
        Assert.True(users.Single(user => user.Id == person.User.Id).HasSecondFactor);
        Assert.Equal(HttpStatusCode.NoContent, (await admin.Client.DeleteAsync(address)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await admin.Client.DeleteAsync(address)).StatusCode);
        using var whole = await browser.SignInAsync(person.User.UserName!, "another silent meadow");
        Assert.Equal("/", whole.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task Where_the_lab_wants_it_of_administrators_they_have_a_researchers_rights_until_they_have_one_and_keep_it()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        using var script = host.WithToken(await host.TokenAsync(admin.User));
        Assert.Equal(HttpStatusCode.OK, (await admin.Client.GetAsync("/api/v1/users")).StatusCode);

        Settings.AdminsNeedSecondFactor = true;
        Assert.Equal(HttpStatusCode.Forbidden, (await admin.Client.GetAsync("/api/v1/users")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await script.GetAsync("/api/v1/users")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await admin.Client.GetAsync("/api/v1/runs")).StatusCode);
        Assert.True((await admin.Client.GetAsync<SecondFactorView>("/api/v1/second-factor")).IsDue);

        await TurnOnAsync(admin);
        Assert.Equal(HttpStatusCode.OK, (await admin.Client.GetAsync("/api/v1/users")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await script.GetAsync("/api/v1/users")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await admin.Client.DeleteAsync("/api/v1/second-factor")).StatusCode);
        Assert.Equal(
            HttpStatusCode.BadRequest, (await admin.Client.DeleteAsync($"/api/v1/users/{admin.User.Id}/second-factor")).StatusCode);
    }

    [Fact]
    public async Task A_secret_that_was_not_confirmed_is_asked_for_nowhere_and_stands_protected()
    {
        await using var person = await Person.SignInAsync(host);
        var begun = await BeginAsync(person);
        Assert.Equal(HttpStatusCode.BadRequest, (await ConfirmAsync(person, "000000")).StatusCode);

        using var browser = new Forms(host);
        using var whole = await browser.SignInAsync(person.User.UserName!);
        Assert.Equal("/", whole.Headers.Location!.OriginalString);
        Assert.Contains("<svg", begun.Picture, StringComparison.Ordinal);
        Assert.StartsWith("otpauth://totp/", begun.Address, StringComparison.Ordinal);
        var stored = await host.Database.ScalarAsync<string>(
            "select secret from second_factors where user_id = @Id", new { person.User.Id });
        Assert.DoesNotContain(Convert.ToBase64String(Base32Encoding.ToBytes(begun.Secret)), stored, StringComparison.Ordinal);
    }

    private static async Task<NewSecondFactor> BeginAsync(Person person)
        => await (await person.Client.PostAsync("/api/v1/second-factor", null)).ReadAsync<NewSecondFactor>();

    private static Task<HttpResponseMessage> ConfirmAsync(Person person, string code)
        => person.Client.PostAsJsonAsync("/api/v1/second-factor/confirmation", new CodeProof(code));

    private static async Task<(Totp App, IReadOnlyList<string> Codes)> TurnOnAsync(Person person)
    {
        var app = new Totp(Base32Encoding.ToBytes((await BeginAsync(person)).Secret));
        using var confirmed = await ConfirmAsync(person, app.ComputeTotp(DateTime.UtcNow.AddSeconds(-30)));
        return (app, (await confirmed.ReadAsync<RecoveryCodeList>()).Codes);
    }

    // Confirmed was the code of half a minute ago: this one was not used yet.
    private static string Next(Totp app) => app.ComputeTotp(DateTime.UtcNow);

    private static async Task<string> CodeAsync(Forms browser, string code, string? returnUrl = null)
    {
        using var answer = await browser.PostAsync("/account/code", ("code", code), ("returnUrl", returnUrl));
        return answer.Headers.Location!.OriginalString;
    }

    private static async Task<HttpStatusCode> AskAsync(Forms browser)
    {
        using var answer = await browser.Client.GetAsync("/api/v1/runs");
        return answer.StatusCode;
    }
}
