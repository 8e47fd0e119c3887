using System.Net;
using System.Text.RegularExpressions;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Accounts;

public sealed class ProxiedHost(PostgresCluster cluster) : ServerHost(cluster)
{
    protected override IEnumerable<KeyValuePair<string, string>> Settings
        => [new("Convex:PublicUrl", "https://lab.example"), new("Convex:TrustedProxies:0", "127.0.0.1")];
}

/// <summary>The server behind a proxy that takes TLS off, as in compose.yaml.</summary>
[Trait("kind", "database")]
public sealed partial class ProxyTests(ProxiedHost host) : IClassFixture<ProxiedHost>
{
    [Fact]
    public async Task People_sign_in_at_the_address_that_they_know()
    {
        var user = await host.AddUserAsync();
        using var client = Client("lab.example");

        using var signedIn = await SignInAsync(client, user.UserName!, ServerHost.Password);

        Assert.Equal(HttpStatusCode.Redirect, signedIn.StatusCode);
        Assert.Contains(
            signedIn.Headers.GetValues("Set-Cookie"),
            one => one.StartsWith("__Host-convex-", StringComparison.Ordinal) && one.Contains("secure", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("lab.example", HttpStatusCode.OK)]
    [InlineData("127.0.0.1", HttpStatusCode.OK)]
    [InlineData("evil.example", HttpStatusCode.BadRequest)]
    public async Task The_hosts_are_those_of_the_public_address_and_of_the_machine_itself(string name, HttpStatusCode expected)
    {
        using var client = Client(name);

        Assert.Equal(expected, (await client.GetAsync("/health")).StatusCode);
    }

    [Theory]
    [InlineData("/signin?returnUrl=%2Fruns%2F1")]
    [InlineData("/")]
    public async Task D11_Who_comes_without_TLS_is_led_to_the_public_address(string path)
    {
        using var client = host.Anonymous();
        client.DefaultRequestHeaders.Host = "lab.example";
        client.DefaultRequestHeaders.Accept.ParseAdd("text/html");

        using var page = await client.GetAsync(path);
        using var form = await client.PostAsync("/account/signin", new FormUrlEncodedContent([new("name", "ada")]));

        Assert.Equal($"https://lab.example{path}", page.Headers.Location!.OriginalString);
        Assert.Equal(HttpStatusCode.BadRequest, form.StatusCode);
        Assert.False(form.Headers.Contains("Set-Cookie"));
    }

    // Who has a network of addresses has one count for all of them.
    [Fact]
    public async Task D20_All_addresses_of_a_64_count_as_one_and_those_of_another_do_not()
    {
        var user = await host.AddUserAsync();
        for (var i = 0; i < 8; i++) Assert.Contains("error=wrong", await GuessAsync($"2001:db8:1:2::{i + 1:x}"), StringComparison.Ordinal);

        Assert.Contains("error=busy", await GuessAsync("2001:db8:1:2:ffff::1"), StringComparison.Ordinal);
        Assert.Contains("error=wrong", await GuessAsync("2001:db8:1:3::1"), StringComparison.Ordinal);

        // D9: a customer's /48 has 65,536 of them, and fills a sixth of the name's own count and no more.
        var looked = 9;
        for (var i = 0; i < 12; i++)
            if ((await GuessAsync($"2001:db8:1:{i + 16:x}::1")).Contains("error=wrong", StringComparison.Ordinal)) looked++;
        Assert.InRange(looked, 16, 17);
        Assert.Contains("error=wrong", await GuessAsync("2001:db8:2::1"), StringComparison.Ordinal);

        async Task<string> GuessAsync(string address)
        {
            using var client = Client("lab.example");
            client.DefaultRequestHeaders.Add("X-Forwarded-For", address);
            using var answer = await SignInAsync(client, user.UserName!, "not the password");
            return answer.Headers.Location!.OriginalString;
        }
    }

    [Theory]
    [InlineData("/signin", HttpStatusCode.OK)]
    [InlineData("/api/v1/runs", HttpStatusCode.Unauthorized)]
    [InlineData("/api/v1/runs?state=99", HttpStatusCode.BadRequest)]
    [InlineData("/nowhere", HttpStatusCode.NotFound)]
    public async Task D16_Every_answer_by_TLS_says_that_the_next_one_is_too(string path, HttpStatusCode expected)
    {
        using var client = Client("lab.example");
        if (expected is HttpStatusCode.BadRequest or HttpStatusCode.NotFound)
            client.DefaultRequestHeaders.Authorization = new("Bearer", await host.TokenAsync(await host.AddUserAsync()));

        using var answer = await client.GetAsync(path);

        Assert.Equal(expected, answer.StatusCode);
        Assert.Equal(["max-age=31536000"], answer.Headers.GetValues("Strict-Transport-Security"));
    }

    private static async Task<HttpResponseMessage> SignInAsync(HttpClient client, string name, string password)
    {
        using var page = await client.GetAsync("/signin");
        var cookie = page.Headers.GetValues("Set-Cookie")
            .Single(one => one.StartsWith("__Host-convex-form-", StringComparison.Ordinal)).Split(';')[0];
        var token = Token().Match(await page.Content.ReadAsStringAsync()).Groups[1].Value;
        using var form = new HttpRequestMessage(HttpMethod.Post, "/account/signin")
        {
            Content = new FormUrlEncodedContent([new("name", name), new("password", password), new("__RequestVerificationToken", token)]),
        };
        form.Headers.Add("Cookie", cookie);
        form.Headers.Add("Origin", "https://lab.example");
        return await client.SendAsync(form);
    }

    private HttpClient Client(string name)
    {
        var client = host.Anonymous();
        client.DefaultRequestHeaders.Host = name;
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        return client;
    }

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"([^\"]+)\"")]
    private static partial Regex Token();
}
