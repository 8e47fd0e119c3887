using System.Buffers.Binary;

namespace ConvexWeb.Training.Engine.Objectives;

/// <summary>A picture as a BMP file (24 bits, not packed): the least that every browser shows.</summary>
internal static class Bitmap
{
    private const int Header = 54;

    /// <param name="planes">Bytes [3, height, width]: red, green, blue.</param>
    public static byte[] Of(ReadOnlySpan<byte> planes, int width, int height)
    {
        // Rows are stored from the lowest to the highest, each filled up to a multiple of four bytes, blue first.
        var row = (3 * width + 3) / 4 * 4;
        var file = new byte[Header + row * height];
        file[0] = (byte)'B';
        file[1] = (byte)'M';
        Write(2, file.Length);
        Write(10, Header);
        Write(14, 40);
        Write(18, width);
        Write(22, height);
        file[26] = 1;
        file[28] = 24;
        for (var y = 0; y < height; y++)
        {
            var at = Header + row * (height - 1 - y);
            for (var x = 0; x < width; x++)
                for (var c = 0; c < 3; c++) file[at + 3 * x + c] = planes[((2 - c) * height + y) * width + x];
        }
        return file;

        void Write(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
    }
}
