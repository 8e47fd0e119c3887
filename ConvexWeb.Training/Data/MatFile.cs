using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace ConvexWeb.Training.Data;

/// <summary>
/// One array of a MATLAB file.
/// <paramref name="Data"/> stands at its first value; values follow each other column by column.
/// </summary>
/// <param name="Class">Type in MATLAB: 6 is double, 9 is uint8.</param>
/// <param name="Type">Type in the file, which may be narrower: 2 is uint8, 9 is double.</param>
internal sealed record MatArray(string Name, int Class, int[] Sizes, int Type, long Bytes, Stream Data)
{
    public const int DoubleClass = 6, Uint8Class = 9, Uint8 = 2, Double = 9;

    public string Shape => string.Join("×", Sizes);
}

/// <summary>
/// Reads the numeric arrays of a MATLAB 5 file (MathWorks, "MAT-File Format", level 5): a header of 128 bytes, then elements of a tag
/// (type, bytes) and data padded to 8 bytes; up to 4 bytes of data may lie in the tag itself.
/// An array is an element of elements, often inside a zlib stream.
/// </summary>
internal static class MatFile
{
    private const int Int8 = 1, Int32 = 5, Uint32 = 6, Matrix = 14, Compressed = 15;
    private const int MostDimensions = 32, LongestName = 63;
    private const uint ComplexFlag = 0x0800;

    /// <summary>Hands over every array in turn; what <paramref name="take"/> leaves unread is passed over.</summary>
    /// <exception cref="InvalidDataException">It is no such file, or it holds what is not read here.</exception>
    /// <exception cref="EndOfStreamException">It is cut short.</exception>
    public static void Read(FileStream file, Action<MatArray> take)
    {
        ReadHeader(file);
        while (file.Position < file.Length)
        {
            var (type, bytes, _) = ReadTag(file);
            var end = file.Position + bytes;
            if (end > file.Length) throw new EndOfStreamException("it is cut short");
            if (type == Compressed)
            {
                using var inflated = new ZLibStream(file, CompressionMode.Decompress, leaveOpen: true);
                var (inner, _, _) = ReadTag(inflated);
                if (inner == Matrix) ReadMatrix(inflated, take);
                // To its end, where the stream's own checksum is compared.
                inflated.CopyTo(Stream.Null);
            }
            else if (type == Matrix) ReadMatrix(file, take);
            // Only compressed elements end where they end.
            file.Position = Math.Min(file.Length, type == Compressed ? end : (end + 7) / 8 * 8);
        }
    }

    private static void ReadHeader(FileStream file)
    {
        var header = new byte[128];
        file.ReadExactly(header);
        if (Encoding.ASCII.GetString(header, 0, 10) is "MATLAB 7.3")
            throw new InvalidDataException("it is a MATLAB 7.3 file, not one of MATLAB 5");
        var (version, order) = (BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(124)), Encoding.ASCII.GetString(header, 126, 2));
        if (order == "MI") throw new InvalidDataException("it was written on a big-endian machine");
        if (order != "IM" || version != 0x0100) throw new InvalidDataException("it is not a MATLAB 5 file");
    }

    // Type, bytes of data, and those data where the tag holds them.
    private static (int Type, long Bytes, byte[]? Inside) ReadTag(Stream stream)
    {
        var tag = new byte[8];
        stream.ReadExactly(tag);
        var first = BinaryPrimitives.ReadUInt32LittleEndian(tag);
        if (first >> 16 == 0) return ((int)first, BinaryPrimitives.ReadUInt32LittleEndian(tag.AsSpan(4)), null);
        var bytes = (int)(first >> 16);
        return bytes <= 4
            ? ((int)(first & 0xFFFF), bytes, tag[4..(4 + bytes)])
            : throw new InvalidDataException("a short element claims more than 4 bytes");
    }

    private static void ReadMatrix(Stream stream, Action<MatArray> take)
    {
        var flags = BinaryPrimitives.ReadUInt32LittleEndian(ReadPart(stream, Uint32, 8, "array flags").AsSpan());
        var sizes = ReadPart(stream, Int32, 4 * MostDimensions, "dimensions").Chunk(4)
            .Select(s => BinaryPrimitives.ReadInt32LittleEndian(s)).ToArray();
        var name = Encoding.ASCII.GetString(ReadPart(stream, Int8, LongestName, "name"));
        if ((flags & ComplexFlag) != 0) throw new InvalidDataException($"the array {name} is complex");
        if (sizes.Length < 2 || sizes.Any(s => s < 0)) throw new InvalidDataException($"the array {name} has no valid dimensions");
        var (type, bytes, inside) = ReadTag(stream);
        take(new(name, (int)(flags & 0xFF), sizes, type, bytes, inside is null ? stream : new MemoryStream(inside)));
    }

    private static byte[] ReadPart(Stream stream, int expected, int most, string what)
    {
        var (type, bytes, inside) = ReadTag(stream);
        if (type != expected || bytes > most || (expected != Int8 && (bytes == 0 || bytes % 4 != 0)))
            throw new InvalidDataException($"the {what} of an array are not valid");
        if (inside is not null) return inside;
        var data = new byte[(bytes + 7) / 8 * 8];
        stream.ReadExactly(data);
        return data[..(int)bytes];
    }
}
