using System.Diagnostics.CodeAnalysis;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using ConvexWeb.Training.Files;

namespace ConvexWeb.Training.Data;

/// <summary>How far a download is; <paramref name="Total"/> is null where the server does not say.</summary>
public sealed record FetchProgress(string File, long Done, long? Total);

/// <summary>A data set that cannot be had, with what to do about it.</summary>
public sealed class DatasetException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// Downloads official files: resumes a broken transfer,
/// checks the checksum, and puts a file in place only when it is whole.
/// </summary>
/// <param name="mirror">Base address that replaces the publisher's, or null:
/// file names stay, below a folder with the data set's name.</param>
[SuppressMessage("Security", "CA5351",
    Justification = "MD5 is what the publishers print; it guards against broken transfers, not against attackers")]
public sealed class Fetcher(HttpClient http, string? mirror = null)
{
    public async Task FetchAsync(
        string dataset, RemoteFile file, string folder, IProgress<FetchProgress>? progress, Action<string>? say, CancellationToken cancel)
    {
        Directory.CreateDirectory(folder);
        var target = Path.Combine(folder, file.Name);
        if (File.Exists(target) && await IsGenuineAsync(target, file, cancel)) return;
        // Several trainers may want the same file at once: one fetches, the others wait and find it.
        await using var alone = await FileLock.TakeAsync(target + ".lock", say, cancel);
        if (File.Exists(target) && await IsGenuineAsync(target, file, cancel)) return;

        var url = mirror is null ? file.Url : $"{mirror.TrimEnd('/')}/{dataset}/{file.Name}";
        var partial = target + ".part";
        try
        {
            await DownloadAsync(url, file.Name, partial, progress, cancel);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException && !cancel.IsCancellationRequested)
        {
            throw new DatasetException(
                $"{file.Name} could not be fetched from {url} ({e.Message}). Try again (it goes on where it stopped), "
                + $"set CONVEX_DATASET_MIRROR to a mirror, or put the official file into {folder} yourself.", e);
        }
        if (!await IsGenuineAsync(partial, file, cancel))
        {
            File.Delete(partial);
            throw new DatasetException(
                $"{file.Name} from {url} has the wrong checksum (expected md5 {file.Md5}); "
                + "it was thrown away. Try again, or use another mirror.");
        }
        File.Move(partial, target, overwrite: true);
    }

    /// <summary>Whether a file is the published one: by its own checksum, or by its content's where that is known.</summary>
    public static async Task<bool> IsGenuineAsync(string path, RemoteFile file, CancellationToken cancel)
    {
        if (!RegularFile.Is(path)) return false;
        await using (var stream = RegularFile.Open(path))
            if (Convert.ToHexStringLower(await MD5.HashDataAsync(stream, cancel)) == file.Md5) return true;
        if (file.ContentMd5 is null) return false;
        try
        {
            await using var packed = RegularFile.Open(path);
            await using var content = new GZipStream(packed, CompressionMode.Decompress);
            return Convert.ToHexStringLower(await MD5.HashDataAsync(content, cancel)) == file.ContentMd5;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>How long a server may say nothing before the download counts as broken.</summary>
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(60);

    private async Task DownloadAsync(string url, string name, string partial, IProgress<FetchProgress>? progress, CancellationToken cancel)
    {
        var have = File.Exists(partial) ? new FileInfo(partial).Length : 0;
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        if (have > 0) request.Headers.Range = new RangeHeaderValue(have, null);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(Idle);
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
        // The part is already whole (or longer than the file): the checksum decides.
        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable) return;
        response.EnsureSuccessStatusCode();
        var resumed = response.StatusCode == HttpStatusCode.PartialContent;
        if (!resumed) have = 0;
        var total = response.Content.Headers.ContentLength + have;

        await using var to = new FileStream(partial, resumed ? FileMode.Append : FileMode.Create);
        await using var from = await response.Content.ReadAsStreamAsync(patience.Token);
        var buffer = new byte[1 << 17];
        for (int read; (read = await from.ReadAsync(buffer, patience.Token)) > 0;)
        {
            patience.CancelAfter(Idle);
            await to.WriteAsync(buffer.AsMemory(0, read), cancel);
            have += read;
            progress?.Report(new(name, have, total));
        }
        if (total is { } all && have < all) throw new IOException($"the connection ended after {have:N0} of {all:N0} bytes");
    }
}
