using System.Net;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Api;

/// <summary>A request that is sent again with its key makes nothing a second time (D22).</summary>
[Trait("kind", "database")]
public sealed class IdempotencyTests(ServerHost host) : IClassFixture<ServerHost>
{
    private static readonly string Submission = $$"""{"spec":{{StoredRun.Spec}},"seeds":[0,1]}""";

    [Fact]
    public async Task D22_Of_requests_with_one_key_also_at_once_one_makes_a_study_and_all_have_its_answer()
    {
        using var client = await host.UserAsync();
        var before = await host.Database.ScalarAsync<long>("select count(*) from studies");

        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => SendAsync(client, "/api/v1/runs", Submission, "key-1")));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.Created, answer.Status));
        Assert.Single(answers.Select(answer => answer.Body).Distinct());
        Assert.Equal(before + 1, await host.Database.ScalarAsync<long>("select count(*) from studies"));
        Assert.Equal(answers[0], await SendAsync(client, "/api/v1/runs", Submission, "key-1"));

        // Without a key, and with another or somebody else's, it is another request.
        await SendAsync(client, "/api/v1/runs", Submission, key: null);
        await SendAsync(client, "/api/v1/runs", Submission, "key-2");
        using var other = await host.UserAsync();
        await SendAsync(other, "/api/v1/runs", Submission, "key-1");
        Assert.Equal(before + 4, await host.Database.ScalarAsync<long>("select count(*) from studies"));
    }

    [Fact]
    public async Task A_key_is_for_one_request_and_what_was_refused_takes_none()
    {
        using var client = await host.UserAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await SendAsync(client, "/api/v1/runs", """{"spec":{"model":{}}}""", "a")).Status);
        var (made, body) = await SendAsync(client, "/api/v1/runs", Submission, "a");
        Assert.Equal(HttpStatusCode.Created, made);

        var run = System.Text.Json.JsonDocument.Parse(body).RootElement.GetProperty("runIds")[0].GetInt64();
        var (refused, why) = await SendAsync(client, $"/api/v1/runs/{run}/rerun", "", "a");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused);
        Assert.Contains("another request", why, StringComparison.Ordinal);

        var again = await SendAsync(client, $"/api/v1/runs/{run}/rerun", "", "b");
        Assert.Equal(HttpStatusCode.Created, again.Status);
        Assert.Equal(again, await SendAsync(client, $"/api/v1/runs/{run}/rerun", "", "b"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData(null)]
    public async Task What_is_no_key_is_refused_with_a_sentence(string? key)
    {
        using var client = await host.UserAsync();
        var (status, body) = await SendAsync(client, "/api/v1/runs", Submission, key ?? new string('k', 201));
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("visible ASCII", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secret_is_told_once_and_made_once()
    {
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        var (made, _) = await SendAsync(admin.Client, "/api/v1/tokens", """{"name":"script"}""", "t");
        var (again, why) = await SendAsync(admin.Client, "/api/v1/tokens", """{"name":"script"}""", "t");
        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Conflict), (made, again));
        Assert.Contains("secret", why, StringComparison.Ordinal);
        Assert.Single(await admin.Client.GetAsync<List<TokenView>>("/api/v1/tokens"));

        Assert.Equal(HttpStatusCode.OK, (await SendAsync(admin.Client, "/api/v1/invites", "", "i")).Status);
        Assert.Equal(HttpStatusCode.Conflict, (await SendAsync(admin.Client, "/api/v1/invites", "", "i")).Status);
        Assert.Equal(0, await host.Database.ScalarAsync<long>("select count(*) from idempotency_keys where made::text like '%cvx_%'"));
    }

    [Fact]
    public void Every_POST_that_makes_something_takes_a_key()
    {
        // What these do twice is what they do once.
        string[] others =
        [
            "/runs/{id:long}/cancel", "/runs/{id:long}/pause", "/runs/{id:long}/resume", "/runs/{id:long}/requeue", "/runs/actions",
            "/runs/priority", "/specs/check", "/workers/{name}/drain", "/workers/{name}/resume", "/sessions/password", "/second-factor",
            "/second-factor/confirmation", "/second-factor/recovery-codes",
        ];
        var posts = host.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods.Contains("POST") == true)
            .Select(endpoint => (Path: "/" + endpoint.RoutePattern.RawText!.Trim('/'), endpoint.Metadata))
            .Where(endpoint => endpoint.Path.StartsWith("/api/v1", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(posts);
        Assert.Empty(posts.Where(post => post.Metadata.GetMetadata<MakesOnce>() is null)
            .Select(post => post.Path["/api/v1".Length..]).Except(others));
    }

    private static async Task<(HttpStatusCode Status, string Body)> SendAsync(HttpClient client, string path, string body, string? key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        request.Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        if (key is not null) request.Headers.TryAddWithoutValidation(IdempotencyKey.Header, key);
        using var response = await client.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
