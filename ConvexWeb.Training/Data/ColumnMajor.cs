namespace ConvexWeb.Training.Data;

/// <summary>MATLAB's order of pixels, in which STL-10 and SVHN are stored: each plane column by column.</summary>
internal static class ColumnMajor
{
    /// <summary>One image [C, W, H] → [C, H, W].</summary>
    public static void ToRows(ReadOnlySpan<byte> columns, Span<byte> rows, DatasetInfo info)
    {
        var (height, width) = (info.Height, info.Width);
        for (var plane = 0; plane < columns.Length; plane += height * width)
        {
            var from = columns.Slice(plane, height * width);
            var to = rows.Slice(plane, height * width);
            for (var row = 0; row < height; row++)
                for (var column = 0; column < width; column++) to[row * width + column] = from[column * height + row];
        }
    }

    /// <summary>Reads images from a stream, as many as <paramref name="bytes"/> hold, and never more than one of them twice.</summary>
    public static byte[] Read(Stream stream, long bytes, DatasetInfo info)
    {
        var images = new byte[bytes];
        var image = new byte[info.Dimensions];
        for (long at = 0; at < bytes; at += image.Length)
        {
            stream.ReadExactly(image);
            ToRows(image, images.AsSpan((int)at, image.Length), info);
        }
        return images;
    }
}
