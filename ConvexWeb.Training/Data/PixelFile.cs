using Microsoft.Win32.SafeHandles;

namespace ConvexWeb.Training.Data;

/// <summary>Images of one size that lie one after the other in a file.</summary>
/// <param name="Offset">Where the first one begins.</param>
/// <param name="ImageBytes">Bytes of each.</param>
public sealed record PixelFile(string Path, long Offset, int ImageBytes)
{
    private const int BlockBytes = 64 << 20;

    /// <summary>Images <paramref name="start"/> to start + count, in one array.</summary>
    public byte[] Read(long start, int count)
    {
        using var handle = File.OpenHandle(Path);
        var pixels = new byte[checked(count * ImageBytes)];
        Read(handle, pixels, Offset + start * ImageBytes);
        return pixels;
    }

    /// <summary>Images at any places, one after the other in one array; several are read at a time.</summary>
    public byte[] Read(IReadOnlyList<long> places)
    {
        using var handle = File.OpenHandle(Path);
        var pixels = new byte[checked(places.Count * ImageBytes)];
        Parallel.For(0, places.Count, i => Read(handle, pixels.AsSpan(i * ImageBytes, ImageBytes), Offset + places[i] * ImageBytes));
        return pixels;
    }

    private void Read(SafeFileHandle handle, Span<byte> pixels, long at)
    {
        for (var done = 0; done < pixels.Length;)
        {
            var read = RandomAccess.Read(handle, pixels[done..], at + done);
            if (read == 0) throw new DatasetException($"{Path} is shorter than it was; delete it, and it is created again.");
            done += read;
        }
    }

    /// <summary>The first <paramref name="count"/> images, in blocks of some 64 MB.</summary>
    public IEnumerable<(int Start, byte[] Images)> Blocks(int count)
    {
        var rows = Math.Max(1, BlockBytes / ImageBytes);
        for (var at = 0; at < count; at += rows) yield return (at, Read(at, Math.Min(rows, count - at)));
    }
}
