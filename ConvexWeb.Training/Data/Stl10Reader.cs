using System.Formats.Tar;
using System.IO.Compression;
using ConvexWeb.Training.Files;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Reads the binary version of STL-10: images of 3 planes of 96 × 96 bytes,
/// each plane column by column, and labels 1 to 10, one byte each.
/// Source: Coates, Ng and Lee 2011. Takes the unpacked files where they are,
/// else the official archive; the 100,000 unlabelled images are passed over.
/// </summary>
internal static class Stl10Reader
{
    public const string Archive = "stl10_binary.tar.gz";
    public const string Inner = "stl10_binary";

    public static readonly string[] Names = ["train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"];

    public static ImageSet Read(string folder, DatasetInfo info)
    {
        var found = new Dictionary<string, byte[]>();
        if (UnpackedFiles.FolderOf(folder, Inner, Names) is { } place)
        {
            foreach (var name in Names)
            {
                using var file = RegularFile.Open(Path.Combine(place, name));
                found[name] = Take(name, file, file.Length, info);
            }
        }
        else Damage.Named(Path.Combine(folder, Archive), () => Unpack(folder, info, found));

        return new(info, Split(found, "train", info), Split(found, "test", info));
    }

    // The archive is read as it is unpacked, up to the last of the four files; entry names are only compared, never used as paths.
    private static bool Unpack(string folder, DatasetInfo info, Dictionary<string, byte[]> found)
    {
        using var packed = RegularFile.Open(Path.Combine(folder, Archive));
        using var tar = new TarReader(new GZipStream(packed, CompressionMode.Decompress));
        while (found.Count < Names.Length && tar.GetNextEntry() is { } entry)
        {
            var name = entry.Name[(entry.Name.LastIndexOf('/') + 1)..];
            if (entry.DataStream is not null && Names.Contains(name)) found[name] = Take(name, entry.DataStream, entry.Length, info);
        }
        var missing = Names.FirstOrDefault(n => !found.ContainsKey(n));
        return missing is null ? true : throw new DatasetException($"{Archive} in {folder} lacks {missing}; delete it and fetch it again.");
    }

    private static byte[] Take(string name, Stream stream, long length, DatasetInfo info)
    {
        var images = name.EndsWith("_X.bin", StringComparison.Ordinal);
        if (length == 0 || length > Array.MaxLength || (images && length % info.Dimensions != 0))
            throw new DatasetException(
                $"{name} has {length:N0} bytes, which is no multiple of an image's {info.Dimensions:N0}; delete it and fetch it again.");
        if (images) return ColumnMajor.Read(stream, length, info);
        var labels = new byte[length];
        stream.ReadExactly(labels);
        return labels;
    }

    private static ImageSplit Split(Dictionary<string, byte[]> found, string prefix, DatasetInfo info)
    {
        var (images, labels) = (found[$"{prefix}_X.bin"], found[$"{prefix}_y.bin"]);
        if (images.Length / info.Dimensions != labels.Length)
            throw new DatasetException(
                $"{prefix}_X.bin holds {images.Length / info.Dimensions:N0} images and {prefix}_y.bin {labels.Length:N0} labels; "
                + "delete them and fetch them again.");
        if (labels.FirstOrDefault(l => l < 1 || l > info.Classes, (byte)1) is var wrong && (wrong < 1 || wrong > info.Classes))
            throw new DatasetException(
                $"{prefix}_y.bin holds the label {wrong}, but labels go from 1 to {info.Classes}; delete it and fetch it again.");
        return new(images, [.. labels.Select(l => l - 1)]);
    }
}
