using System.Net;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Live;
using ConvexWeb.Tests.Support;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Api;

[Trait("kind", "database")]
public sealed class AccessTests(ServerHost host) : IClassFixture<ServerHost>
{
    private static readonly string[] Open =
        ["/account/signin", "/account/code", "/account/welcome", "/health", "/signin", "/code", "/welcome", "/Error", "/not-found"];

    [Fact]
    public async Task Nothing_but_the_sign_in_and_files_answers_a_stranger()
    {
        using var client = host.Anonymous();
        var endpoints = host.Services.GetServices<EndpointDataSource>()
            .SelectMany(source => source.Endpoints).OfType<RouteEndpoint>().ToList();
        Assert.Contains(endpoints, endpoint => endpoint.RoutePattern.RawText?.StartsWith("/hubs/live", StringComparison.Ordinal) == true);

        foreach (var endpoint in endpoints.DistinctBy(endpoint => (endpoint.RoutePattern.RawText, Method(endpoint))))
        {
            var pattern = "/" + endpoint.RoutePattern.RawText!.TrimStart('/');
            if (endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null)
            {
                Assert.True(Open.Contains(pattern) || IsFile(endpoint, pattern), $"{pattern} is open to everybody");
                continue;
            }
            var path = pattern
                .Replace("{id:long}", "1", StringComparison.Ordinal)
                .Replace("{name}", "w", StringComparison.Ordinal)
                .Replace("{id:guid}", Guid.Empty.ToString(), StringComparison.Ordinal);
            using var request = new HttpRequestMessage(new HttpMethod(Method(endpoint)), path.Split('{')[0]);
            using var response = await client.SendAsync(request);
            Assert.True(
                response.StatusCode is HttpStatusCode.Unauthorized,
                $"{request.Method} {path} answers a stranger with {response.StatusCode}");
        }
    }

    [Fact]
    public void Every_endpoint_and_every_method_of_the_hub_states_who_may_use_it()
    {
        var endpoints = host.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>();
        // The framework's own answer to a file that does not exist is 404, whoever asks.
        var silent = endpoints.Where(endpoint => endpoint.Metadata.GetMetadata<AccessRule>() is null)
            .Select(endpoint => endpoint.RoutePattern.RawText).Except(["{**path:file}"]);
        var rules = Enum.GetNames<Access>();

        Assert.Empty(silent);
        Assert.Contains(
            typeof(LiveHub).GetCustomAttributes(inherit: false).OfType<AuthorizeAttribute>(), rule => rules.Contains(rule.Policy));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/new")]
    [InlineData("/api/reference")]
    [InlineData("/no-such-page")]
    public async Task A_person_without_a_session_is_sent_to_the_sign_in(string path)
    {
        using var client = host.Anonymous();
        client.DefaultRequestHeaders.Accept.ParseAdd("text/html");

        using var response = await client.GetAsync(path);

        Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
        Assert.StartsWith("/signin?returnUrl=", response.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_mistypes_an_address_reads_a_page_and_a_program_a_problem()
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        await browser.SignInAsync(user.UserName!);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/no-such-page");
        request.Headers.Accept.ParseAdd("text/html");

        using var page = await browser.Client.SendAsync(request);
        using var program = await browser.Client.GetAsync("/api/v1/nothing");

        Assert.Equal((HttpStatusCode.NotFound, "text/html"), (page.StatusCode, page.Content.Headers.ContentType?.MediaType));
        Assert.Contains("There is no such page", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(
            (HttpStatusCode.NotFound, "application/problem+json"),
            (program.StatusCode, program.Content.Headers.ContentType?.MediaType));
    }

    [Fact]
    public async Task A_page_of_another_origin_may_change_nothing()
    {
        using var client = await host.UserAsync();
        client.DefaultRequestHeaders.Add("Origin", "http://evil.example");

        using var response = await client.PostJsonAsync("/api/v1/runs", $$"""{"spec":{{StoredRun.Spec}}}""");

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }

    [Fact]
    public async Task Every_answer_carries_the_headers_that_protect_browsers()
    {
        using var client = host.Anonymous();
        using var response = await client.GetAsync("/api/v1/runs");

        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        var policy = response.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("'unsafe-eval'", policy, StringComparison.Ordinal);
        Assert.False(response.Headers.Contains("Server"));
    }

    [Fact]
    public async Task Health_answers_everybody()
    {
        using var client = host.Anonymous();

        Assert.Equal("Healthy", await client.GetStringAsync("/health"));
    }

    private static string Method(Endpoint endpoint)
        => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>() is { HttpMethods: [var method, ..] } ? method : "GET";

    private static bool IsFile(RouteEndpoint endpoint, string pattern) =>
        Path.HasExtension(pattern) && Method(endpoint) is "GET" or "HEAD" && !pattern.StartsWith("/api", StringComparison.Ordinal);
}
