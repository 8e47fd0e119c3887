using System.Collections.Concurrent;
using System.Text;
using System.Text.RegularExpressions;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Api;

/// <summary>
/// Defects D11, D12, D16 and D22 of the security review: whatever bytes a stranger or a member sends, there is an answer, it is never one
/// of 5xx, and it carries the headers that protect a browser.
/// </summary>
[Trait("kind", "database")]
public sealed partial class HostileRequestTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Theory]
    [InlineData("/api/v1/runs?state=99")]
    [InlineData("/api/v1/audit?action=99")]
    public async Task D22_A_number_that_names_nothing_is_refused(string path)
    {
        using var client = await host.UserAsync(isAdmin: true);
        using var response = await client.GetAsync(path);
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("99", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static readonly string[] Protecting =
        ["Content-Security-Policy:", "X-Content-Type-Options: nosniff", "Referrer-Policy:", "Cross-Origin-Opener-Policy:"];

    [Fact]
    public async Task D11_D16_Each_of_400_generated_requests_is_answered_and_none_with_5xx()
    {
        var token = await host.TokenAsync(await host.AddUserAsync());
        var requests = HostileRequests.Generate(400, host.Address.Authority, token, seed: 12);
        var wrong = new ConcurrentBag<string>();
        var served = 0;

        await Parallel.ForEachAsync(requests, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (request, _) =>
        {
            var answer = await HostileRequests.AskAsync(host.Address, request);
            var status = answer.Length > 12 ? answer[9..12] : "none";
            if (status == "none" || status[0] == '5')
            {
                wrong.Add($"{status} to: {request.ReplaceLineEndings("⏎")}");
            }
            else if (!KestrelsOwn().IsMatch(answer))
            {
                Interlocked.Increment(ref served);
                if (status[0] == '4' && !request.StartsWith("HEAD", StringComparison.OrdinalIgnoreCase) && !HasSentence(answer))
                    wrong.Add($"{status} without a sentence to: {request.ReplaceLineEndings("⏎")}: {answer}");
                foreach (var header in Protecting.Where(header => !answer.Contains(header, StringComparison.OrdinalIgnoreCase)))
                    wrong.Add($"{status} without {header} to: {request.ReplaceLineEndings("⏎")}");
            }
        });

        Assert.True(wrong.IsEmpty, $"{wrong.Count} of 400:\n{string.Join('\n', wrong.Take(40))}");
        Assert.True(served > 200, $"only {served} were answered by the product");
    }

    // What is no HTTP the server's lowest layer refuses, with an empty answer that no browser shows: these headers and no other.
    [GeneratedRegex(
        @"\AHTTP/1\.1 4\d\d [^\r\n]*\r\nContent-Length: 0\r\nConnection: close\r\nDate: [^\r\n]*\r\n(Allow: [^\r\n]*\r\n)?\r\n\z")]
    private static partial Regex KestrelsOwn();

    // For a program a problem whose detail ends as sentences do, for people a page.
    private static bool HasSentence(string answer) => answer.Contains("Content-Type: text/html", StringComparison.OrdinalIgnoreCase)
        || Detail().Match(answer) is { Success: true } found
            && Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(found.Groups[1].Value)) is [.., '.' or '?' or '…'] or [.., '.', ')'];

    [GeneratedRegex("\"detail\":\"((?:[^\"\\\\]|\\\\.)+)\"")]
    private static partial Regex Detail();

    [Theory]
    [InlineData("127.0.0.1:99999", "/signin")]
    [InlineData("127.0.0.1:99999", "/api/v1/runs")]
    [InlineData("127.0.0.1:x", "/signin")]
    [InlineData("", "/signin?returnUrl=//evil.example")]
    public async Task D11_A_Host_that_is_no_address_is_refused(string name, string path)
    {
        var token = await host.TokenAsync(await host.AddUserAsync());
        var answer = await HostileRequests.AskAsync(
            host.Address, $"GET {path} HTTP/1.1\r\nHost: {name}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task D12_A_million_problems_are_answered_with_fifty_of_them_and_the_number_of_the_rest()
    {
        using var client = await host.UserAsync();
        var body = "{" + string.Join(',', Enumerable.Range(0, 60_000).Select(n => $"\"f{n}\":{n}")) + "}";

        using var response = await client.PostJsonAsync("/api/v1/specs/check", body);
        var answer = await response.Content.ReadAsStringAsync();

        Assert.True(answer.Length < 20_000, $"{answer.Length} characters");
        Assert.Contains("left out", answer, StringComparison.Ordinal);
    }
}
