using System.IO.Compression;
using ConvexWeb.Training.Files;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Reads ciFAIR: CIFAR's training images, and test images without near-duplicates of them. Source: Barz and Denzler 2020, arXiv 1902.00423.
/// It is published only as zip archives of Python pickles in CIFAR's layout:
/// data uint8 [N, 3072] (planes R, G, B), and labels or fine_labels.
/// </summary>
internal static class CifairReader
{
    private const int Pixels = 3 * 32 * 32;
    private const long LargestFile = 400 << 20;

    private const string Test10 = "test_batch", Test100 = "test";
    private static readonly string[] Train10 = ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"];
    private static readonly string[] Train100 = ["train"];

    public static string[] Files10 => [.. Train10, Test10];
    public static string[] Files100 => [.. Train100, Test100];

    public static ImageSet Read10(string folder, DatasetInfo info)
        => Read(folder, info, "ciFAIR-10", "labels", Train10, Test10);

    public static ImageSet Read100(string folder, DatasetInfo info) => Read(folder, info, "ciFAIR-100", "fine_labels", Train100, Test100);

    private static ImageSet Read(string folder, DatasetInfo info, string inner, string labels, string[] train, string test)
    {
        string[] names = [.. train, test];
        if (UnpackedFiles.FolderOf(folder, inner, names) is { } place)
        {
            ImageSplit Unpacked(string name)
            {
                var path = Path.Combine(place, name);
                return Damage.Named(path, () => Batch(name, RegularFile.Bytes(path), labels, info.Classes));
            }
            return new(info, Joined([.. train.Select(Unpacked)]), Unpacked(test));
        }
        return Damage.Named(Path.Combine(folder, inner + ".zip"), () =>
        {
            using var zip = new ZipArchive(RegularFile.Open(Path.Combine(folder, inner + ".zip")));
            ImageSplit Packed(string name) => Batch(name, Unpack(zip, inner, name), labels, info.Classes);
            return new ImageSet(info, Joined([.. train.Select(Packed)]), Packed(test));
        });
    }

    // Entry names are only compared, never used as paths.
    private static byte[] Unpack(ZipArchive zip, string inner, string name)
    {
        var entry = zip.GetEntry($"{inner}/{name}") ?? throw new InvalidDataException($"it lacks {inner}/{name}");
        if (entry.Length is <= 0 or > LargestFile) throw new InvalidDataException($"{name} in it claims {entry.Length:N0} bytes");
        var data = new byte[entry.Length];
        using var stream = entry.Open();
        stream.ReadExactly(data);
        return data;
    }

    private static ImageSplit Batch(string name, byte[] pickle, string labelKey, int classes)
    {
        var dict = new PickleReader(pickle).Read();
        if (!dict.TryGetValue("data", out var data)
            || data is not PickledArray { Shape: [> 0, Pixels], Type: { Kind: 'u', Size: 1 } } images)
            throw new InvalidDataException($"{name} has no data of uint8 [N, {Pixels}]");
        var labels = dict.GetValueOrDefault(labelKey) switch
        {
            List<object?> list when list.All(l => l is long) => list.Select(l => (long)l!).ToArray(),
            PickledArray { Shape: [var count], Type: { } type } array
                => Enumerable.Range(0, count).Select(i => type.At(array.Data.Span, i)).ToArray(),
            _ => throw new InvalidDataException($"{name} has no {labelKey}, a list of whole numbers"),
        };
        if (labels.Length != images.Shape[0])
            throw new InvalidDataException($"{name} holds {images.Shape[0]:N0} images and {labels.Length:N0} labels");
        foreach (var label in labels)
            if (label < 0 || label >= classes)
                throw new InvalidDataException($"{name} holds the label {label}, but there are {classes} classes");
        return new(images.Data.ToArray(), [.. labels.Select(l => (int)l)]);
    }

    private static ImageSplit Joined(ImageSplit[] parts)
    {
        if (parts.Length == 1) return parts[0];
        var images = new byte[parts.Sum(p => p.Images.Length)];
        var at = 0;
        foreach (var part in parts)
        {
            part.Images.CopyTo(images, at);
            at += part.Images.Length;
        }
        return new(images, [.. parts.SelectMany(p => p.Labels)]);
    }
}
