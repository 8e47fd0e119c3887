using System.Buffers.Binary;
using System.IO.Compression;
using ConvexWeb.Training.Files;

namespace ConvexWeb.Training.Data;

/// <summary>Reads the IDX files of MNIST and Fashion-MNIST: a big-endian header (magic, sizes), then bytes. Packed or not.</summary>
internal static class IdxReader
{
    public static ImageSet Read(string folder, DatasetInfo info) => new(info, Split(folder, "train", info), Split(folder, "t10k", info));

    private static ImageSplit Split(string folder, string prefix, DatasetInfo info)
    {
        var (images, imageSizes) = File3(folder, $"{prefix}-images-idx3-ubyte", 3);
        var (labels, labelSizes) = File3(folder, $"{prefix}-labels-idx1-ubyte", 1);
        if (imageSizes[1] != info.Height || imageSizes[2] != info.Width || imageSizes[0] != labelSizes[0])
            throw new DatasetException(
                $"The {prefix} files in {folder} hold {imageSizes[0]} images of "
                + $"{imageSizes[1]}×{imageSizes[2]} and {labelSizes[0]} labels; delete them and fetch them again.");
        if (labels.Any(l => l >= info.Classes))
            throw new DatasetException(
                $"{prefix}-labels in {folder} holds a label beyond {info.Classes - 1}; delete it and fetch it again.");
        return new(images, [.. labels.Select(l => (int)l)]);
    }

    private static (byte[] Data, int[] Sizes) File3(string folder, string name, int dimensions)
    {
        var path = Path.Combine(folder, name);
        var all = File.Exists(path)
            ? Damage.Named(path, () => RegularFile.Bytes(path))
            : Damage.Named(path + ".gz", () => Unpack(path + ".gz"));
        var header = 4 + 4 * dimensions;
        // Magic: two zero bytes, 8 for unsigned bytes, the number of dimensions.
        if (all.Length < header || BinaryPrimitives.ReadInt32BigEndian(all) != (8 << 8 | dimensions))
            throw new DatasetException($"{name} in {folder} is not an IDX file of {dimensions} dimensions; delete it and fetch it again.");
        var sizes = new int[dimensions];
        for (var i = 0; i < dimensions; i++) sizes[i] = BinaryPrimitives.ReadInt32BigEndian(all.AsSpan(4 + 4 * i));
        var expected = sizes.Aggregate(1L, (product, size) => product * size);
        if (expected != all.Length - header)
            throw new DatasetException(
                $"{name} in {folder} should hold {expected:N0} bytes of data and holds {all.Length - header:N0}; "
                + "delete it and fetch it again.");
        return (all[header..], sizes);
    }

    private static byte[] Unpack(string path)
    {
        using var packed = new GZipStream(RegularFile.Open(path), CompressionMode.Decompress);
        using var memory = new MemoryStream();
        packed.CopyTo(memory);
        return memory.ToArray();
    }
}
