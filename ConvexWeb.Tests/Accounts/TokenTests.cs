using System.Net;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using Dapper;

namespace ConvexWeb.Tests.Accounts;

[Trait("kind", "database")]
public sealed class TokenTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task A_token_acts_for_its_owner_until_it_is_revoked()
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        await browser.SignInAsync(user.UserName!);

        var answer = await browser.Client.PostJsonAsync("/api/v1/tokens", """{"name":"laptop","scope":"Read","daysValid":30}""");
        var made = await answer.ReadAsync<NewToken>(HttpStatusCode.Created);
        using var client = host.WithToken(made.Secret);
        Assert.StartsWith("cvx_", made.Secret, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/api/v1/runs")).StatusCode);
        var listed = (await browser.Client.GetAsync<List<TokenView>>("/api/v1/tokens")).Single();
        Assert.True(listed is { Name: "laptop", Scope: TokenScope.Read, LastUsedAt: not null });

        Assert.Equal(HttpStatusCode.NoContent, (await browser.Client.DeleteAsync($"/api/v1/tokens/{made.Token.Id}")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/api/v1/runs")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await browser.Client.DeleteAsync($"/api/v1/tokens/{made.Token.Id}")).StatusCode);
    }

    [Fact]
    public async Task Only_its_hash_is_stored()
    {
        var secret = await host.TokenAsync(await host.AddUserAsync());
        await using var connection = await host.Database.OpenConnectionAsync();

        Assert.Equal(0, await connection.ExecuteScalarAsync<int>(
            "select count(*) from api_tokens t where t::text like '%' || @secret || '%'", new { secret }));
    }

    [Fact]
    public async Task An_expired_token_opens_nothing()
    {
        using var client = host.WithToken(await host.TokenAsync(await host.AddUserAsync(), expires: DateTimeOffset.UtcNow.AddSeconds(-1)));

        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/api/v1/runs")).StatusCode);
    }

    [Theory]
    [InlineData("cvx_nonsense")]
    [InlineData("nonsense")]
    [InlineData("")]
    public async Task An_unknown_token_opens_nothing_even_beside_a_good_cookie(string secret)
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        await browser.SignInAsync(user.UserName!);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/runs");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + secret);

        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.Client.SendAsync(request)).StatusCode);
    }

    [Theory]
    [InlineData("/api/v1/tokens")]
    [InlineData("/api/v1/invites")]
    public async Task A_token_cannot_make_itself_a_successor(string path)
    {
        using var client = await host.UserAsync(isAdmin: true);
        using var response = await client.PostJsonAsync(path, """{"name":"heir"}""");

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Contains("sign in with the password", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    // What a script may is what its scope says, whatever its owner may.
    [Theory]
    [InlineData(TokenScope.Submit, false)]
    [InlineData(TokenScope.Manage, true)]
    public async Task An_administrators_token_has_an_administrators_rights_only_when_it_may_do_all(TokenScope scope, bool may)
    {
        using var owner = await host.UserAsync();
        var run = await owner.SubmitAsync();
        using var script = host.WithToken(await host.TokenAsync(await host.AddUserAsync(isAdmin: true), may: scope));

        using var cancelled = await script.PostAsync($"/api/v1/runs/{run}/cancel", null);
        using var urgent = await script.PostJsonAsync("/api/v1/runs", $$"""{"spec":{{StoredRun.Spec}},"priority":"urgent"}""");

        Assert.Equal(may ? HttpStatusCode.OK : HttpStatusCode.Forbidden, cancelled.StatusCode);
        Assert.Equal(may, urgent.IsSuccessStatusCode);
    }

    [Fact]
    public async Task Nobody_sees_or_revokes_the_tokens_of_others()
    {
        var owner = await host.AddUserAsync();
        using var own = host.WithToken(await host.TokenAsync(owner));
        var id = (await own.GetAsync<List<TokenView>>("/api/v1/tokens")).Single().Id;
        using var other = await host.UserAsync(isAdmin: true);

        Assert.DoesNotContain(await other.GetAsync<List<TokenView>>("/api/v1/tokens"), token => token.Id == id);
        Assert.Equal(HttpStatusCode.NotFound, (await other.DeleteAsync($"/api/v1/tokens/{id}")).StatusCode);
    }

    [Theory]
    [InlineData("{}", "")]
    [InlineData("""{"name":null}""", "name")]
    [InlineData("""{"name":""}""", "name")]
    [InlineData("{\"name\":\"a\\u0000b\"}", "name")]
    [InlineData("{\"name\":\"a\\u001bb\"}", "name")]
    [InlineData("{\"name\":\"\\ud800\"}", "name")]
    [InlineData("""{"name":"x","daysValid":0}""", "daysValid")]
    [InlineData("""{"name":"x","daysValid":"week"}""", "daysValid")]
    [InlineData("""{"name":"x","isAdmin":true}""", "isAdmin")]
    [InlineData("""{"name":"x","name":"y"}""", "name")]
    [InlineData("""{"name":""", "")]
    public async Task A_malformed_request_gets_a_sentence_for_the_field(string json, string field)
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        await browser.SignInAsync(user.UserName!);
        using var response = await browser.Client.PostJsonAsync("/api/v1/tokens", json);

        var problems = await response.ProblemsAsync();
        Assert.True(problems.ContainsKey(field), string.Join(" ", problems.Select(problem => $"{problem.Key}: {problem.Value[0]}")));
        Assert.DoesNotContain("System.", problems[field][0], StringComparison.Ordinal);
    }
}
