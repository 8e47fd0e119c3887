using System.Diagnostics.CodeAnalysis;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using ConvexWeb.Training.Data;

namespace ConvexWeb.Tests.Training;

/// <summary>Downloads from a real HTTP server on the loopback interface.</summary>
[SuppressMessage("Security", "CA5351", Justification = "the publishers print MD5")]
public sealed class FetcherTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("convexweb-fetch-").FullName;
    private readonly byte[] content = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 31 >> 3))];
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly List<string?> ranges = [];
    private readonly string address;
    private int breakAfter = int.MaxValue;

    public FetcherTests()
    {
        listener.Start();
        address = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
        _ = Task.Run(ServeAsync);
    }

    public void Dispose()
    {
        listener.Stop();
        Directory.Delete(root, recursive: true);
    }

    // By hand, since a connection that breaks in the middle of a body is the point.
    private async Task ServeAsync()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await listener.AcceptTcpClientAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
            using (client) await AnswerAsync(client.GetStream());
        }
    }

    private async Task AnswerAsync(NetworkStream stream)
    {
        using var reader = new StreamReader(stream, leaveOpen: true);
        var request = await reader.ReadLineAsync() ?? "";
        string? range = null;
        while (await reader.ReadLineAsync() is { Length: > 0 } header)
            if (header.StartsWith("Range: ", StringComparison.OrdinalIgnoreCase)) range = header["Range: ".Length..];
        ranges.Add(range);
        if (!request.StartsWith("GET /toy/toy.bin ", StringComparison.Ordinal))
        {
            await stream.WriteAsync("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray());
            return;
        }
        var from = range is null ? 0 : int.Parse(range["bytes=".Length..].TrimEnd('-'));
        var status = from > 0 ? "206 Partial Content" : "200 OK";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"HTTP/1.1 {status}\r\nContent-Length: {content.Length - from}\r\nConnection: close\r\n\r\n"));
        await stream.WriteAsync(content.AsMemory(from, Math.Min(content.Length - from, breakAfter)));
    }

    private string Md5 => Convert.ToHexStringLower(MD5.HashData(content));

    private Task Fetch(string md5, IProgress<FetchProgress>? progress = null)
        => new Fetcher(new HttpClient(), address)
            .FetchAsync("toy", new RemoteFile("https://example.invalid/toy.bin", md5), root, progress, say: null, default);

    private string Target => Path.Combine(root, "toy.bin");

    [Fact]
    public async Task Fetches_from_the_mirror_with_progress()
    {
        var seen = new List<FetchProgress>();
        await Fetch(Md5, new Collect(seen));
        Assert.Equal(content, File.ReadAllBytes(Target));
        Assert.Equal(new FetchProgress("toy.bin", content.Length, content.Length), seen[^1]);
        await Fetch(Md5);
        Assert.Single(ranges); // A file that is there is not fetched again.
    }

    [Fact]
    public async Task Goes_on_where_a_broken_download_stopped()
    {
        breakAfter = 120_000;
        await Assert.ThrowsAsync<DatasetException>(() => Fetch(Md5));
        Assert.False(File.Exists(Target));
        breakAfter = int.MaxValue;
        await Fetch(Md5);
        Assert.Equal(content, File.ReadAllBytes(Target));
        Assert.StartsWith("bytes=", ranges[^1]);
        Assert.NotEqual("bytes=0-", ranges[^1]);
    }

    [Fact]
    public async Task Two_that_want_the_same_file_fetch_it_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Fetch(Md5)));
        Assert.Equal(content, File.ReadAllBytes(Target));
        Assert.Single(ranges);
    }

    [Fact]
    public async Task A_wrong_checksum_leaves_nothing_behind()
    {
        var error = await Assert.ThrowsAsync<DatasetException>(() => Fetch(new string('0', 32)));
        Assert.Contains("checksum", error.Message);
        Assert.Equal(["toy.bin.lock"], Directory.GetFiles(root).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_missing_file_says_what_to_do()
    {
        var error = await Assert.ThrowsAsync<DatasetException>(() =>
            new Fetcher(new HttpClient(), address)
                .FetchAsync("toy", new RemoteFile("https://example.invalid/other.bin", Md5), root, null, say: null, default));
        Assert.Contains("404", error.Message);
        Assert.Contains("mirror", error.Message);
    }

    [Fact]
    public async Task A_gzip_file_that_was_packed_anew_is_known_by_its_content()
    {
        var path = Path.Combine(root, "x.gz");
        await using (var packed = new GZipStream(File.Create(path), CompressionLevel.SmallestSize)) await packed.WriteAsync(content);
        Assert.True(await Fetcher.IsGenuineAsync(path, new RemoteFile("https://example.invalid/x.gz", new string('0', 32), Md5), default));
        var other = new RemoteFile("https://example.invalid/x.gz", new string('0', 32), new string('1', 32));
        Assert.False(await Fetcher.IsGenuineAsync(path, other, default));
    }

    private sealed class Collect(List<FetchProgress> seen) : IProgress<FetchProgress>
    {
        public void Report(FetchProgress value) => seen.Add(value);
    }
}
