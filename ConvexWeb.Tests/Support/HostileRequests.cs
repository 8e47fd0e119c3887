using System.Net.Sockets;
using System.Text;

namespace ConvexWeb.Tests.Support;

/// <summary>Malformed and malicious requests, as bytes.</summary>
public static class HostileRequests
{
    private static readonly string[] Paths =
    [
        "/", "/signin", "/welcome?token=x", "/welcome?reset=x", "/account?days=x&may=99", "/?study=x", "/compare?study=-x",
        "/new?from=x&demo=x", "/runs/1", "/runs/%00", "/signin?returnUrl=/r%C3%BCn", "/signin?returnUrl=/rün",
        "/signin?returnUrl=//evil.example", "/signin?returnUrl=/\\evil.example", "/signin?returnUrl=" + "%2F%0d%0aSet-Cookie:x=1",
        "/api/v1/runs", "/api/v1/runs?state=99", "/api/v1/runs?limit=-1", "/api/v1/runs?limit=99999999999999999999",
        "/api/v1/runs?after=%00",
        "/api/v1/runs?search=%ff%fe", "/api/v1/runs/9223372036854775808", "/api/v1/runs/1/points?after=-1&metrics=%00",
        "/api/v1/users/not-a-guid", "/api/v1/queue?queue=../../etc/passwd", "/api/v1/workers/..%2f..%2fetc/samples",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/account/signin", "/account/confirm", "/hubs/live/negotiate", "/_blazor/negotiate", "/hangfire", "/hangfire/jobs/details/abc",
        "/hangfire/jobs/actions/requeue/99999999999999999999", "/hangfire/recurring/trigger", "/health", "/no/such/page",
        "/api/v1/audit?action=99&before=x", "/dist/../../appsettings.json", "/" + "a/../b/%c0%ae%c0%ae/", "//", "/?q=" + "'%20or%201=1--",
    ];

    private static readonly string[] Methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "FOO"];

    private static readonly string[] Hosts =
        ["127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x", "", "localhost", "evil.example", "[::1", "127.0.0.1:-1", "a b"];

    private static readonly (string Headers, string Body)[] Bodies =
    [
        ("", ""),
        ("Content-Type: application/json\r\nContent-Length: 2\r\n", "{}"),
        ("Content-Type: application/json\r\nContent-Length: 4\r\n", "null"),
        ("Content-Type: application/json\r\nContent-Length: 9\r\n", "{\"a\":1e99"),
        ("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        ("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", "2;x=y\r\n{}\r\n0\r\n\r\n"),
        ("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n", "name=%ff&a=%0"),
        ("Content-Type: multipart/form-data; boundary=\"\"\r\nContent-Length: 3\r\n", "--x"),
        ("Content-Type: multipart/form-data\r\nContent-Length: 3\r\n", "--x"),
        ("Content-Type: ???\r\nContent-Length: 1\r\n", "x"),
        ("Content-Length: -1\r\n", "x"),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("Expect: 100-continue\r\nContent-Length: 0\r\n", ""),
    ];

    private static readonly string[] Extras =
    [
        "", "Cookie: convex-00000000=x; =; ;;\r\n", "Authorization: Bearer cvx_x\r\n", "Authorization: Basic eDp5\r\n",
        "Authorization: \r\n",
        "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n", "Accept: text/html\r\n",
        "Accept: text/html\r\nAccept-Encoding: gzip, br;q=9, \x01\r\n", "Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 99\r\nSec-WebSocket-Key: x\r\n", "Range: bytes=9-1,x\r\n",
        "If-None-Match: \"\r\nIf-Modified-Since: never\r\n", "Accept-Language: \xff\xfe\r\n", "Content-Encoding: br\r\n",
        "User-Agent: " + "\x7f\t" + "x\r\n", "Accept: " + "text/html," + "*/*;q=x\r\n", "Connection: close, te\r\nTE: trailers\r\n",
    ];

    /// <param name="authority">Host and port that most of them name.</param>
    /// <param name="token">Of somebody with an account, which half of them bring.</param>
    public static IReadOnlyList<string> Generate(int count, string authority, string token, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => Request())];

        string Request()
        {
            var (headers, content) = Pick(Bodies);
            var place = random.Next(3) == 0 ? Pick(Hosts) : authority;
            var member = random.Next(2) == 0 ? $"Authorization: Bearer {token}\r\n" : "";
            return $"{Pick(Methods)} {Pick(Paths)} HTTP/1.1\r\nHost: {place}\r\n{member}{Pick(Extras)}{headers}"
                + $"Connection: close\r\n\r\n{content}";
        }

        T Pick<T>(T[] from) => from[random.Next(from.Length)];
    }

    /// <summary>As bytes of Latin-1, so that any byte can be sent.</summary>
    /// <returns>The whole answer; nothing when there is none.</returns>
    public static async Task<string> AskAsync(Uri address, string request)
    {
        using var client = new TcpClient();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await client.ConnectAsync(address.Host, address.Port, limit.Token);
        var stream = client.GetStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(request), limit.Token);
            using var reader = new StreamReader(stream, Encoding.Latin1);
            return await reader.ReadToEndAsync(limit.Token);
        }
        catch (Exception problem) when (problem is IOException or SocketException or OperationCanceledException)
        {
            return "";
        }
    }
}
