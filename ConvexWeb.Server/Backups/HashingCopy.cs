using System.Security.Cryptography;

namespace ConvexWeb.Server.Backups;

/// <summary>Counts and hashes what goes by on its way into a stream.</summary>
internal sealed class HashingCopy(Action<int> passed) : IDisposable
{
    private const int BufferSize = 1 << 17;

    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] buffer = new byte[BufferSize];

    /// <param name="most">After so many bytes it ends.</param>
    /// <returns>How many bytes there were, and their hash.</returns>
    public async Task<(long Bytes, string Sha256)> CopyAsync(Stream from, Stream to, CancellationToken cancel, long most = long.MaxValue)
    {
        long bytes = 0;
        int read;
        while ((read = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, most - bytes)), cancel)) > 0)
        {
            hash.AppendData(buffer, 0, read);
            await to.WriteAsync(buffer.AsMemory(0, read), cancel);
            bytes += read;
            passed(read);
        }
        return (bytes, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    public void Dispose() => hash.Dispose();
}
