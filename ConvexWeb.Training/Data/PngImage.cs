using System.Buffers.Binary;
using System.IO.Compression;

namespace ConvexWeb.Training.Data;

/// <summary>
/// An image out of a PNG file (ISO/IEC 15948): bytes R, G, B and one unused a pixel. Reads 8 bits a channel, grey, RGB or palette,
/// without interlacing; transparent pixels are taken as they are stored. That is what a few files of large collections are under a
/// JPEG's name; other kinds are refused with a sentence.
/// </summary>
internal sealed record PngImage(int Width, int Height, byte[] Pixels)
{
    private const int Header = 0x49484452, Palette = 0x504C5445, Data = 0x49444154, End = 0x49454E44;

    /// <exception cref="InvalidDataException">It is damaged or of a kind that is not read.</exception>
    public static PngImage Read(ReadOnlyMemory<byte> file, long mostPixels)
    {
        // Sizes before data: the header is the first chunk.
        if (file.Length < 8 + 12 + 13) throw new EndOfStreamException("it is cut short");
        var header = file.Span.Slice(16, 13);
        var (length0, kind0) = (BinaryPrimitives.ReadInt32BigEndian(file.Span[8..]), BinaryPrimitives.ReadInt32BigEndian(file.Span[12..]));
        if (length0 != header.Length || kind0 != Header)
            throw new InvalidDataException("its PNG header is missing");
        var (width, height) = (BinaryPrimitives.ReadInt32BigEndian(header), BinaryPrimitives.ReadInt32BigEndian(header[4..]));
        if (width < 1 || height < 1 || (long)width * height > mostPixels)
            throw new InvalidDataException($"it claims {width} × {height} pixels, a PNG may have {mostPixels:N0}");
        if (header[8] != 8 || header[12] != 0)
            throw new InvalidDataException("it is a PNG with another depth than 8 bits, or an interlaced one: save it as a JPEG");
        // Grey, RGB, palette, grey and alpha, RGB and alpha.
        var kindOfColour = header[9];
        var channels = kindOfColour switch
        {
            0 or 3 => 1,
            2 => 3,
            4 => 2,
            6 => 4,
            _ => throw new InvalidDataException($"PNG has no colour type {kindOfColour}"),
        };

        ReadOnlySpan<byte> palette = [];
        using var packed = new MemoryStream();
        for (var at = 8; ;)
        {
            if (at + 12 > file.Length) throw new EndOfStreamException("it is cut short");
            var length = BinaryPrimitives.ReadInt32BigEndian(file.Span[at..]);
            var kind = BinaryPrimitives.ReadInt32BigEndian(file.Span[(at + 4)..]);
            if (length < 0 || length > file.Length - at - 12) throw new EndOfStreamException("it is cut short");
            var chunk = file.Span.Slice(at + 8, length);
            if (kind == Palette) palette = chunk;
            else if (kind == Data) packed.Write(chunk);
            else if (kind == End) break;
            at += length + 12;
        }

        packed.Position = 0;
        using var lines = new ZLibStream(packed, CompressionMode.Decompress);
        var pixels = new byte[4L * width * height];
        var (line, above) = (new byte[channels * width], new byte[channels * width]);
        for (var y = 0; y < height; y++)
        {
            var filter = lines.ReadByte();
            lines.ReadExactly(line);
            Unfilter(filter, line, above, channels);
            var to = pixels.AsSpan(4 * width * y, 4 * width);
            if (kindOfColour == 3) FromPalette(line, palette, to);
            else Spread(line, channels, to);
            (line, above) = (above, line);
        }
        return new(width, height, pixels);
    }

    private static void FromPalette(ReadOnlySpan<byte> line, ReadOnlySpan<byte> palette, Span<byte> to)
    {
        for (var x = 0; x < line.Length; x++)
        {
            if (3 * line[x] + 3 > palette.Length) throw new InvalidDataException("it names a colour that its palette lacks");
            palette.Slice(3 * line[x], 3).CopyTo(to[(4 * x)..]);
        }
    }

    // One or two channels are grey, three or four R, G, B; alpha is left out.
    private static void Spread(ReadOnlySpan<byte> line, int channels, Span<byte> to)
    {
        var (green, blue) = channels < 3 ? (0, 0) : (1, 2);
        for (int from = 0, at = 0; from < line.Length; from += channels, at += 4)
            (to[at], to[at + 1], to[at + 2]) = (line[from], line[from + green], line[from + blue]);
    }

    // Each byte was stored as the difference from a guess:
    // from the left, from above, from their mean, or from whichever of three is nearest (Paeth).
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
