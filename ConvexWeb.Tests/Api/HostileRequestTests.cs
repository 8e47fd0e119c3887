using System.Collections.Concurrent;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Api;

/// <summary>
/// Defects D11, D12, D16 and D22 of the security review: whatever bytes a stranger or a member sends, there is an answer, it is never one
/// of 5xx, and it carries the headers that protect a browser.
/// </summary>
[Trait("kind", "database")]
public sealed class HostileRequestTests(ServerHost host) : IClassFixture<ServerHost>
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
            // Kestrel itself refuses what is no HTTP, with an empty answer that no browser shows.
            else if (!answer.Contains("Content-Length: 0\r\nConnection: close", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref served);
                foreach (var header in Protecting.Where(header => !answer.Contains(header, StringComparison.OrdinalIgnoreCase)))
                    wrong.Add($"{status} without {header} to: {request.ReplaceLineEndings("⏎")}");
            }
        });

        Assert.True(wrong.IsEmpty, $"{wrong.Count} of 400:\n{string.Join('\n', wrong.Take(40))}");
        Assert.True(served > 200, $"only {served} were answered by the product");
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
