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
/// that is written here once more.
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
        AdminManageToken,
        Administrator,
    }

    private static readonly Visitor[] Known =
    [
        Visitor.ReadToken, Visitor.SubmitToken, Visitor.ManageToken, Visitor.Person, Visitor.AdminReadToken, Visitor.AdminManageToken,
        Visitor.Administrator,
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
            foreach (var (method, path, access) in doors)
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
                    ? status is not HttpStatusCode.Unauthorized && (status != HttpStatusCode.Forbidden || AsksAgain(method, path))
                    : status == refusal;
                if (!fits || (int)status >= 500) wrong.Add($"{method} {path} ({access}) answers {visitor} with {(int)status}");
            }
        }
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine($"{doors.Count} doors, {cells} cells");
        Assert.True(wrong.Count == 0, string.Join(Environment.NewLine, wrong));
    }

    // What wants the password again, or is about a row of somebody else, refuses whom the door lets in.
    private static bool AsksAgain(string method, string path) => method != "GET" && path.StartsWith("/api/v1/", StringComparison.Ordinal);

    private List<(string Method, string Path, Access Access)> Doors() =>
    [
        .. host.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<AccessRule>() is not null)
            .SelectMany(endpoint => Methods(endpoint).Select(method => (
                method, Path: PathOf(endpoint), Access: RuleOf(endpoint))))
            .Where(door => !Path.HasExtension(door.Path)) // styles and scripts, which are everybody's
            .DistinctBy(door => (door.method, door.Path)),
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
        var isAdmin = visitor is Visitor.AdminReadToken or Visitor.AdminManageToken or Visitor.Administrator;
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
            Visitor.SubmitToken => TokenScope.Submit,
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
