using System.Formats.Tar;
using System.IO.Compression;
using ConvexWeb.Training.Files;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Reads the binary version of CIFAR: records of one label byte (two for CIFAR-100: coarse, fine) and 3,072 bytes R, G, B.
/// Source: Krizhevsky 2009. Takes the unpacked files where they are, else the official archive.
/// </summary>
internal static class CifarReader
{
    private const int Pixels = 3 * 32 * 32;

    public static readonly string[] Files10 =
    [
        "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin",
    ];
    public static readonly string[] Files100 = ["train.bin", "test.bin"];

    public static ImageSet Read10(string folder, DatasetInfo info)
    {
        var files = Open(folder, "cifar-10-batches-bin", "cifar-10-binary.tar.gz", Files10);
        return new(info, Split([.. files.Take(5)], 1, 10), Split([files[5]], 1, 10));
    }

    public static ImageSet Read100(string folder, DatasetInfo info)
    {
        var files = Open(folder, "cifar-100-binary", "cifar-100-binary.tar.gz", Files100);
        return new(info, Split([files[0]], 2, 100), Split([files[1]], 2, 100));
    }

    private static List<(string Name, byte[] Data)> Open(string folder, string inner, string archive, string[] names)
    {
        if (UnpackedFiles.FolderOf(folder, inner, names) is { } place)
            return [.. names.Select(n => (n, RegularFile.Bytes(Path.Combine(place, n))))];

        var found = Damage.Named(Path.Combine(folder, archive), () => Unpack(Path.Combine(folder, archive), names));
        var missing = names.FirstOrDefault(n => !found.ContainsKey(n));
        if (missing is not null) throw new DatasetException($"{archive} in {folder} lacks {missing}; delete it and fetch it again.");
        return [.. names.Select(n => (n, found[n]))];
    }

    private static Dictionary<string, byte[]> Unpack(string archive, string[] names)
    {
        var found = new Dictionary<string, byte[]>();
        using var packed = RegularFile.Open(archive);
        using var unpacked = new GZipStream(packed, CompressionMode.Decompress);
        using var tar = new TarReader(unpacked, leaveOpen: true);
        // Entry names are only compared, never used as paths.
        while (tar.GetNextEntry() is { } entry)
        {
            var name = entry.Name[(entry.Name.LastIndexOf('/') + 1)..];
            if (entry.DataStream is null || !names.Contains(name)) continue;
            using var memory = new MemoryStream();
            entry.DataStream.CopyTo(memory);
            found[name] = memory.ToArray();
        }
        // To the very end, where the checksum of the whole is.
        unpacked.CopyTo(Stream.Null);
        return found;
    }

    private static ImageSplit Split(List<(string Name, byte[] Data)> files, int labelBytes, int classes)
    {
        var record = labelBytes + Pixels;
        foreach (var (name, data) in files)
            if (data.Length == 0 || data.Length % record != 0)
                throw new DatasetException(
                    $"{name} has {data.Length:N0} bytes, which is no multiple of a record's {record:N0}; delete it and fetch it again.");
        var count = files.Sum(f => f.Data.Length) / record;
        var images = new byte[count * Pixels];
        var labels = new int[count];
        var i = 0;
        foreach (var (name, data) in files)
        {
            for (var at = 0; at < data.Length; at += record, i++)
            {
                // CIFAR-100's second byte is the fine label.
                labels[i] = data[at + labelBytes - 1];
                if (labels[i] >= classes)
                    throw new DatasetException(
                        $"{name} holds the label {labels[i]}, but there are {classes} classes; delete it and fetch it again.");
                data.AsSpan(at + labelBytes, Pixels).CopyTo(images.AsSpan(i * Pixels));
            }
        }
        return new(images, labels);
    }
}
