using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Api;

/// <summary>What is compressed for a client that takes it, and what never is.</summary>
[Trait("kind", "database")]
public sealed class CompressionTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Theory]
    [InlineData("br, gzip", "br")]
    [InlineData("gzip", "gzip")]
    public async Task Points_are_compressed_and_the_same(string accepted, string used)
    {
        using var client = await host.UserAsync();
        var run = await client.SubmitAsync();
        await host.Database.StartAttemptAsync(run);
        await host.Database.AddPointsAsync(run, 1, "train/loss", [.. Enumerable.Range(1, 500).Select(step => ((long)step, 1.0 / step))]);
        var path = $"/api/v1/runs/{run}/points";
        var plain = await client.GetByteArrayAsync(path);

        using var response = await GetAsync(client, path, accepted);
        var sent = await response.Content.ReadAsByteArrayAsync();

        Assert.Equal([used], response.Content.Headers.ContentEncoding);
        Assert.Contains("Accept-Encoding", response.Headers.Vary);
        Assert.Equal(Encoding.UTF8.GetString(plain), Encoding.UTF8.GetString(Unpack(sent, used)));
        Assert.InRange(sent.Length, 100, plain.Length * 3 / 4);
    }

    [Theory]
    [InlineData("/api/v1/runs", null)]
    [InlineData("/api/v1/runs", "identity")]
    [InlineData("/api/v1/runs", "br;q=0, gzip;q=0")]
    public async Task Who_does_not_ask_gets_it_plain(string path, string? accepted)
    {
        using var client = await host.UserAsync();
        using var response = await GetAsync(client, path, accepted);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Empty(response.Content.Headers.ContentEncoding);
    }

    [Theory]
    [InlineData("/api/openapi.json")]
    [InlineData("/api/v1/catalog")]
    public async Task What_the_API_says_is_compressed(string path)
    {
        using var client = await host.UserAsync();
        using var response = await GetAsync(client, path, "br");

        Assert.Equal(["br"], response.Content.Headers.ContentEncoding);
    }

    [Fact]
    public async Task A_new_token_or_link_never_is()
    {
        var user = await host.AddUserAsync(isAdmin: true);
        using var browser = new Forms(host);
        await browser.SignInAsync(user.UserName!);
        browser.Client.DefaultRequestHeaders.Add("Accept-Encoding", "br, gzip");

        using var token = await browser.Client.PostJsonAsync("/api/v1/tokens", """{"name":"laptop"}""");
        using var invite = await browser.Client.PostAsync("/api/v1/invites", null);

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.OK), (token.StatusCode, invite.StatusCode));
        Assert.Empty(token.Content.Headers.ContentEncoding);
        Assert.Empty(invite.Content.Headers.ContentEncoding);
        Assert.Contains("cvx_", await token.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/signin")]
    [InlineData("/welcome?token=x")]
    [InlineData("/account")]
    [InlineData("/")]
    [InlineData("/hangfire")]
    public async Task A_page_never_is(string path)
    {
        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        await browser.SignInAsync(user.UserName!);
        using var response = await GetAsync(browser.Client, path, "br, gzip", "text/html");

        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
        Assert.Empty(response.Content.Headers.ContentEncoding);
    }

    [Theory]
    [InlineData("/_content/ConvexWeb.Client/theme.js")]
    [InlineData("/_framework/blazor.web.js")]
    public async Task Files_were_compressed_by_the_build(string path)
    {
        using var client = host.Anonymous();
        var plain = await client.GetByteArrayAsync(path);
        using var response = await GetAsync(client, path, "gzip");

        Assert.Equal(["gzip"], response.Content.Headers.ContentEncoding);
        Assert.Equal(plain, Unpack(await response.Content.ReadAsByteArrayAsync(), "gzip"));
    }

    [Theory]
    [InlineData("css")]
    [InlineData("js")]
    public async Task Files_of_packages_are_compressed_under_their_versioned_names_too(string type)
    {
        using var client = host.Anonymous();
        using var page = await GetAsync(client, "/signin", null, "text/html");
        var path = Regex.Match(await page.Content.ReadAsStringAsync(), $"\"(_content/MudBlazor/[^\"]*\\.{type})\"").Groups[1].Value;
        Assert.NotEmpty(path);
        var plain = await client.GetByteArrayAsync("/" + path);

        using var response = await GetAsync(client, "/" + path, "br");
        var sent = await response.Content.ReadAsByteArrayAsync();

        Assert.Equal(["br"], response.Content.Headers.ContentEncoding);
        Assert.Equal(plain, Unpack(sent, "br"));
        Assert.InRange(sent.Length, 1000, plain.Length / 3);
    }

    private static Task<HttpResponseMessage> GetAsync(HttpClient client, string path, string? accepted, string? type = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (accepted is not null) request.Headers.TryAddWithoutValidation("Accept-Encoding", accepted);
        if (type is not null) request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
        return client.SendAsync(request);
    }

    private static byte[] Unpack(byte[] sent, string encoding)
    {
        using var packed = new MemoryStream(sent);
        using Stream stream = encoding == "br"
            ? new BrotliStream(packed, CompressionMode.Decompress)
            : new GZipStream(packed, CompressionMode.Decompress);
        using var plain = new MemoryStream();
        stream.CopyTo(plain);
        return plain.ToArray();
    }
}
