using System.Buffers.Binary;
using System.IO.Compression;

namespace ConvexWeb.Training.Datasets;

/// <summary>
/// An image out of a PNG file (ISO/IEC 15948): bytes R, G, B. Reads 8 bits a channel, grey, RGB or palette, without interlacing; what is see-through is
/// taken as it is stored. That is what a few files of large collections are under a JPEG's name; other kinds are refused with a sentence.
/// </summary>
internal sealed record PngImage(int Width, int Height, byte[] Rgb)
{
    private const int Header = 0x49484452, Palette = 0x504C5445, Data = 0x49444154, End = 0x49454E44;

    /// <exception cref="InvalidDataException">It is damaged or of a kind that is not read.</exception>
    public static PngImage Read(ReadOnlyMemory<byte> file, long mostPixels)
    {
        ReadOnlySpan<byte> header = [], palette = [];
        using var packed = new MemoryStream();
        for (var at = 8; ;)
        {
            if (at + 12 > file.Length) throw new EndOfStreamException("it is cut short");
            var length = BinaryPrimitives.ReadInt32BigEndian(file.Span[at..]);
            var kind = BinaryPrimitives.ReadInt32BigEndian(file.Span[(at + 4)..]);
            if (length < 0 || length > file.Length - at - 12) throw new EndOfStreamException("it is cut short");
            var chunk = file.Span.Slice(at + 8, length);
            if (kind == Header) header = chunk;
            else if (kind == Palette) palette = chunk;
            else if (kind == Data) packed.Write(chunk);
            else if (kind == End) break;
            at += length + 12;
        }
        if (header.Length != 13) throw new InvalidDataException("its PNG header is missing");
        var (width, height) = (BinaryPrimitives.ReadInt32BigEndian(header), BinaryPrimitives.ReadInt32BigEndian(header[4..]));
        if (width < 1 || height < 1 || (long)width * height > mostPixels) throw new InvalidDataException($"it claims {width} × {height} pixels");
        if (header[8] != 8 || header[12] != 0) throw new InvalidDataException("it is a PNG with another depth than 8 bits, or an interlaced one: save it as a JPEG");
        // Grey, RGB, palette, grey and alpha, RGB and alpha.
        var channels = header[9] switch { 0 => 1, 2 => 3, 3 => 1, 4 => 2, 6 => 4, var other => throw new InvalidDataException($"PNG has no colour type {other}") };

        packed.Position = 0;
        using var lines = new ZLibStream(packed, CompressionMode.Decompress);
        var rgb = new byte[3 * width * height];
        var (line, above) = (new byte[channels * width], new byte[channels * width]);
        for (var y = 0; y < height; y++)
        {
            var filter = lines.ReadByte();
            lines.ReadExactly(line);
            Unfilter(filter, line, above, channels);
            var to = rgb.AsSpan(3 * width * y, 3 * width);
            for (var x = 0; x < width; x++) Colour(line.AsSpan(channels * x, channels), header[9] == 3, palette).CopyTo(to[(3 * x)..]);
            (line, above) = (above, line);
        }
        return new(width, height, rgb);
    }

    private static ReadOnlySpan<byte> Colour(ReadOnlySpan<byte> pixel, bool indexed, ReadOnlySpan<byte> palette) => pixel.Length switch
    {
        1 when indexed => 3 * pixel[0] + 3 <= palette.Length ? palette.Slice(3 * pixel[0], 3) : throw new InvalidDataException("it names a colour that its palette lacks"),
        1 or 2 => new[] { pixel[0], pixel[0], pixel[0] },
        _ => pixel[..3],
    };

    // Each byte was stored as the difference from a guess: from the left, from above, from their mean, or from whichever of three is nearest (Paeth).
    private static void Unfilter(int filter, byte[] line, byte[] above, int channels)
    {
        if (filter is < 0 or > 4) throw new InvalidDataException("a line of the PNG has no valid filter");
        for (var i = 0; i < line.Length; i++)
        {
            int left = i >= channels ? line[i - channels] : 0, up = above[i], corner = i >= channels ? above[i - channels] : 0;
            line[i] += (byte)(filter switch { 1 => left, 2 => up, 3 => (left + up) / 2, 4 => Nearest(left, up, corner), _ => 0 });
        }
    }

    private static int Nearest(int left, int up, int corner)
    {
        var (toLeft, toUp, toCorner) = (Math.Abs(up - corner), Math.Abs(left - corner), Math.Abs(left + up - 2 * corner));
        return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
    }
}
