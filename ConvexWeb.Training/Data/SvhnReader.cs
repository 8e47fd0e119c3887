using System.Runtime.InteropServices;
using ConvexWeb.Training.Files;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Reads SVHN's cropped digits: MATLAB 5 files with X,
/// uint8 [32, 32, 3, N] column by column, and y [N, 1] from 1 to 10, where 10 is the digit 0.
/// Source: Netzer et al. 2011.
/// </summary>
internal static class SvhnReader
{
    public const string TrainFile = "train_32x32.mat", TestFile = "test_32x32.mat";

    public static ImageSet Read(string folder, DatasetInfo info)
        => new(info, Split(Path.Combine(folder, TrainFile), info), Split(Path.Combine(folder, TestFile), info));

    private static ImageSplit Split(string path, DatasetInfo info) => Damage.Named(path, () =>
    {
        (byte[]? images, int[]? labels) = (null, null);
        using var file = RegularFile.Open(path);
        MatFile.Read(file, array =>
        {
            if (array.Name == "X") images = Images(array, info);
            else if (array.Name == "y") labels = Labels(array, info);
        });
        if (images is null || labels is null) throw new InvalidDataException($"it has no array {(images is null ? "X" : "y")}");
        if (images.Length / info.Dimensions != labels.Length)
            throw new InvalidDataException($"it holds {images.Length / info.Dimensions:N0} images and {labels.Length:N0} labels");
        return new ImageSplit(images, labels);
    });

    // MATLAB's [H, W, C, N] column by column is [N, C, W, H] row by row.
    private static byte[] Images(MatArray x, DatasetInfo info)
    {
        if (x is not { Class: MatArray.Uint8Class, Type: MatArray.Uint8, Sizes: [var height, var width, var channels, > 0] }
            || (channels, height, width) != (info.Channels, info.Height, info.Width))
            throw new InvalidDataException(
                $"X must be uint8 of {info.Height}×{info.Width}×{info.Channels}×N; "
                + $"it is {x.Shape} of MATLAB's type {x.Class}, stored as type {x.Type}");
        var expected = (long)x.Sizes[3] * info.Dimensions;
        if (x.Bytes != expected || expected > Array.MaxLength)
            throw new InvalidDataException($"X should hold {expected:N0} bytes and holds {x.Bytes:N0}");
        return ColumnMajor.Read(x.Data, expected, info);
    }

    // MATLAB stores doubles that are small whole numbers as bytes.
    private static int[] Labels(MatArray y, DatasetInfo info)
    {
        var size = y switch
        {
            { Class: MatArray.Uint8Class or MatArray.DoubleClass, Type: MatArray.Uint8 } => 1,
            { Class: MatArray.DoubleClass, Type: MatArray.Double } => 8,
            _ => throw new InvalidDataException($"y must be uint8 or double; it is of MATLAB's type {y.Class}, stored as type {y.Type}"),
        };
        var count = y.Sizes.Aggregate(1L, (product, s) => product * s);
        if (y.Bytes != count * size || count > 100_000_000) throw new InvalidDataException($"y is {y.Shape} and holds {y.Bytes:N0} bytes");
        var bytes = new byte[y.Bytes];
        y.Data.ReadExactly(bytes);
        double[] values = size == 1 ? [.. bytes.Select(b => (double)b)] : MemoryMarshal.Cast<byte, double>(bytes).ToArray();
        foreach (var value in values)
            if (!(value >= 1 && value <= info.Classes) || value != Math.Floor(value))
                throw new InvalidDataException($"y holds {value}, but labels go from 1 to {info.Classes}");
        return [.. values.Select(v => (int)v % 10)];
    }
}
