using System.Net;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Api;

/// <summary>
/// Everybody at every door: the doors are the server's own endpoints, hub included, and what each answers to whom is compared with a table
/// that is written here once more, and with a list of all of them (doors.txt), so that a new one is looked at.
/// </summary>
[Trait("kind", "database")]
public sealed class AccessMatrixTests(ServerHost host) : IClassFixture<ServerHost>
{
    private enum Visitor
    {
        Stranger,
        UnknownToken,
        ExpiredToken,
        RevokedToken,
        TokenOfDisabled,
        CookieOfDisabled,
        ReadToken,
        SubmitToken,
        ManageToken,
        Person,
        AdminReadToken,
        AdminSubmitToken,
        AdminManageToken,
        Administrator,
    }

    private static readonly Visitor[] Known =
    [
        Visitor.ReadToken, Visitor.SubmitToken, Visitor.ManageToken, Visitor.Person, Visitor.AdminReadToken, Visitor.AdminSubmitToken,
        Visitor.AdminManageToken, Visitor.Administrator,
    ];

    private static IReadOnlyCollection<Visitor> MayCome(Access access) => access switch
    {
        Access.Anyone => Enum.GetValues<Visitor>(),
        Access.Read => Known,
        Access.Submit => [.. Known.Except([Visitor.ReadToken, Visitor.AdminReadToken])],
        Access.Manage => [Visitor.ManageToken, Visitor.Person, Visitor.AdminManageToken, Visitor.Administrator],
        Access.Person => [Visitor.Person, Visitor.Administrator],
        Access.Administrator => [Visitor.AdminManageToken, Visitor.Administrator],
        Access.AdministratorPerson => [Visitor.Administrator],
        _ => throw new ArgumentOutOfRangeException(nameof(access)),
    };

    [Fact]
    public void The_doors_and_their_rules_are_those_of_the_list()
    {
        var doors = Doors().Select(door => $"{door.Method} {door.Pattern} {door.Access}").Order(StringComparer.Ordinal).ToList();
        var list = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Api", "doors.txt"));
        if (Environment.GetEnvironmentVariable("CONVEX_DOORS") is { } to) File.WriteAllLines(to, doors);

        Assert.Equal(list.Order(StringComparer.Ordinal), doors);
    }

    [Fact]
    public async Task Each_door_opens_to_whom_its_rule_names_and_to_nobody_else()
    {
        var doors = Doors();
        Assert.True(doors.Count > 60, $"{doors.Count} doors");
        Assert.Contains(doors, door => door.Path.StartsWith("/hubs/live", StringComparison.Ordinal));
        Assert.Contains(doors, door => door.Path.StartsWith("/hangfire", StringComparison.Ordinal));

        var (wrong, cells) = (new List<string>(), 0);
        foreach (var visitor in Enum.GetValues<Visitor>())
        {
            using var client = await ComeAsync(visitor);
            foreach (var (method, path, _, access) in doors)
            {
                using var request = new HttpRequestMessage(new HttpMethod(method), path);
                if (method is "POST" or "PUT" or "PATCH")
                {
                    request.Content = path.StartsWith(PagesSetup.FormsPath, StringComparison.Ordinal)
                        ? new FormUrlEncodedContent([])
                        : new StringContent("{}", null, "application/json");
                }
                using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                cells++;
                var (may, status) = (MayCome(access).Contains(visitor), response.StatusCode);
                var refusal = Known.Contains(visitor) ? HttpStatusCode.Forbidden : HttpStatusCode.Unauthorized;
                // What it answers to whom it lets in, the other tests say; here nothing that was sent is of any use.
                var fits = may
                    ? status is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
                    : status == refusal;
                if (!fits || (int)status >= 500) wrong.Add($"{method} {path} ({access}) answers {visitor} with {(int)status}");
            }
        }
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine($"{doors.Count} doors, {cells} cells");
        Assert.True(wrong.Count == 0, string.Join(Environment.NewLine, wrong));
    }

    // Rows that are there, and somebody else's: a member's cookie and a token that may do all of it get as far as an unknown id, or are
    // told whose it is; and nothing has changed.
    [Fact]
    public async Task What_is_somebody_elses_stays_as_it_is()
    {
        await using var owner = await Person.SignInAsync(host);
        var run = await owner.Client.SubmitAsync();
        await host.Database.StartAttemptAsync(run);
        await host.Database.ExecuteAsync(
            "insert into checkpoints (run_id, attempt, kind, step, bytes, sha256) values (@run, 1, 'last', 5, 3, 'x')", new { run });
        (await owner.Client.PostJsonAsync($"/api/v1/runs/{run}/certificate", "{}")).EnsureSuccessStatusCode();
        var token = await (await owner.Client.PostJsonAsync("/api/v1/tokens", """{"name":"mine","daysValid":7}"""))
            .ReadAsync<NewToken>(HttpStatusCode.Created);
        var session = (await owner.Client.GetAsync<IReadOnlyList<SessionView>>("/api/v1/sessions")).Single().Id;
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        (await admin.Client.PostAsync("/api/v1/invites", null)).EnsureSuccessStatusCode();
        var link = (await admin.Client.GetAsync<IReadOnlyList<LinkView>>("/api/v1/invites"))[0].Id;
        (string Method, string Path, HttpStatusCode Person, HttpStatusCode Token)[] doors =
        [
            ("POST", $"/api/v1/runs/{run}/cancel", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden),
            ("POST", $"/api/v1/runs/{run}/pause", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden),
            ("POST", $"/api/v1/runs/{run}/resume", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden),
            ("POST", $"/api/v1/runs/{run}/requeue", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden),
            ("DELETE", $"/api/v1/runs/{run}/certificate", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden),
            ("DELETE", $"/api/v1/tokens/{token.Token.Id}", HttpStatusCode.NotFound, HttpStatusCode.NotFound),
            ("DELETE", $"/api/v1/sessions/{session}", HttpStatusCode.NotFound, HttpStatusCode.Forbidden),
            ("DELETE", $"/api/v1/invites/{link}", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden),
            ("PATCH", $"/api/v1/users/{owner.User.Id}", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden),
            ("DELETE", $"/api/v1/users/{owner.User.Id}", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden),
            ("DELETE", $"/api/v1/users/{owner.User.Id}/tokens", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden),
            ("DELETE", $"/api/v1/users/{owner.User.Id}/second-factor", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden),
            ("POST", $"/api/v1/users/{owner.User.Id}/password-link", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden),
            ("PUT", $"/api/v1/queue/shares/{owner.User.UserName}", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden),
        ];
        var before = await StateAsync();
        foreach (var visitor in new[] { Visitor.Person, Visitor.ManageToken, Visitor.AdminSubmitToken })
        {
            using var client = await ComeAsync(visitor);
            foreach (var door in doors)
            {
                using var request = new HttpRequestMessage(new HttpMethod(door.Method), door.Path);
                if (door.Method is "PATCH" or "PUT")
                    request.Content = new StringContent("""{"isDisabled":true,"weight":9}""", null, "application/json");
                using var answer = await client.SendAsync(request);
                // A token that may only submit is turned away at doors for which it is too narrow.
                var expected = visitor == Visitor.AdminSubmitToken && door.Path.Contains("/tokens/", StringComparison.Ordinal)
                    ? HttpStatusCode.Forbidden
                    : visitor == Visitor.Person ? door.Person : door.Token;
                Assert.True(
                    answer.StatusCode == expected, $"{door.Method} {door.Path} answers {visitor} with {answer.StatusCode}, not {expected}");
            }
            using var many = await client.PostJsonAsync("/api/v1/runs/actions", $$"""{"action":"cancel","ids":[{{run}}]}""");
            using var hurried = await client.PostJsonAsync("/api/v1/runs/priority", $$"""{"priority":"high","ids":[{{run}}]}""");
        }
        Assert.Equal(before, await StateAsync());

        async Task<string> StateAsync() => string.Join('|', await host.Database.RowsAsync<string>(
            """
            select concat_ws(',', i.state, i.wish, i.priority, i.created_by) from work_items i where i.run_id = @run
            union all select concat_ws(',', 'token', revoked_at) from api_tokens where id = @token
            union all select 'session' from sessions where id = @session
            union all select 'link' from invites where id = @link
            union all select concat_ws(',', is_admin, disabled_at, deleted_at) from users where id = @user
            order by 1
            """, new { run, token = token.Token.Id, session, link, user = owner.User.Id }));
    }

    private List<(string Method, string Path, string Pattern, Access Access)> Doors() =>
    [
        .. host.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<AccessRule>() is not null)
            .SelectMany(endpoint => Methods(endpoint).Select(method => (
                Method: method, Path: PathOf(endpoint), Pattern: "/" + endpoint.RoutePattern.RawText!.TrimStart('/'),
                Access: RuleOf(endpoint))))
            // Styles and scripts, which are everybody's.
            .Where(door => !Path.HasExtension(door.Path) || door.Path.StartsWith("/api", StringComparison.Ordinal))
            .DistinctBy(door => (door.Method, door.Path)),
    ];

    // A page that says itself that it is open; AccessTests names those that may.
    private static Access RuleOf(RouteEndpoint endpoint) => endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null
        ? Access.Anyone
        : endpoint.Metadata.GetMetadata<AccessRule>()!.Access;

    private static IEnumerable<string> Methods(Microsoft.AspNetCore.Http.Endpoint endpoint)
        => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods is { Count: > 0 } methods ? methods.Except(["HEAD"]) : ["GET"];

    // Unused ids, so that nothing happens.
    private static string PathOf(RouteEndpoint endpoint) => System.Text.RegularExpressions.Regex.Replace(
        "/" + endpoint.RoutePattern.RawText!.TrimStart('/'), @"\{([^}]*)\}", match => match.Groups[1].Value switch
        {
            var name when name.Contains(":long", StringComparison.Ordinal) => "999999999",
            var name when name.Contains(":guid", StringComparison.Ordinal) => Guid.Empty.ToString(),
            var name when name.StartsWith('*') => "",
            _ => "nobody",
        });

    private async Task<HttpClient> ComeAsync(Visitor visitor)
    {
        var isAdmin = visitor is Visitor.AdminReadToken or Visitor.AdminSubmitToken or Visitor.AdminManageToken
            or Visitor.Administrator;
        switch (visitor)
        {
            case Visitor.Stranger:
                return host.Anonymous();
            case Visitor.UnknownToken:
                return host.WithToken("cvx_nobodys");
            case Visitor.Person or Visitor.Administrator or Visitor.CookieOfDisabled:
                {
                    var person = await Person.SignInAsync(host, isAdmin);
                    if (visitor == Visitor.CookieOfDisabled)
                        await host.Database.ExecuteAsync("update users set disabled_at = now() where id = @Id", new { person.User.Id });
                    // The forms of people are refused without their antiforgery token; what is asked here is who is let in.
                    var client = host.Anonymous();
                    client.DefaultRequestHeaders.Add("Cookie", person.Browser.CookieHeader);
                    return client;
                }
        }
        var user = await host.AddUserAsync(isAdmin: isAdmin);
        var may = visitor switch
        {
            Visitor.ReadToken or Visitor.AdminReadToken => TokenScope.Read,
            Visitor.SubmitToken or Visitor.AdminSubmitToken => TokenScope.Submit,
            _ => TokenScope.Manage,
        };
        DateTimeOffset? expires = visitor == Visitor.ExpiredToken ? DateTimeOffset.UtcNow.AddMinutes(-1) : null;
        var secret = await host.TokenAsync(user, expires, may);
        if (visitor == Visitor.RevokedToken)
            await host.Database.ExecuteAsync("update api_tokens set revoked_at = now() where user_id = @Id", new { user.Id });
        if (visitor == Visitor.TokenOfDisabled)
            await host.Database.ExecuteAsync("update users set disabled_at = now() where id = @Id", new { user.Id });
        return host.WithToken(secret);
    }
}
