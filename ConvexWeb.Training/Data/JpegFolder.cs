using System.Security.Cryptography;
using System.Text;

namespace ConvexWeb.Training.Data;

/// <summary>One file of a folder of images; <paramref name="Path"/> is relative to it.</summary>
internal readonly record struct JpegFile(string Path, int Label, long Bytes, long Changed);

/// <summary>
/// What lies in a folder of images: <c>train/CLASS/*.jpg</c> and <c>val/CLASS/*.jpg</c> (or <c>test/</c>); JPEG or jpeg will do as well.
/// Labels count the classes in the order of their names. Images take turns:
/// the first of each class by name, the second of each, …, so that the first n show all classes.
/// </summary>
internal sealed record JpegFolder(string Root, string[] Classes, IReadOnlyList<JpegFile> Train, IReadOnlyList<JpegFile> Test)
{
    private static readonly EnumerationOptions Plain = new()
    {
        IgnoreInaccessible = false,
        AttributesToSkip = FileAttributes.Hidden | FileAttributes.System,
    };

    /// <exception cref="DatasetException">A folder or class is missing.</exception>
    public static JpegFolder Scan(string root)
    {
        var train = Path.Combine(root, "train");
        if (!Directory.Exists(train))
            throw new DatasetException($"There is no folder {train}: put the images into train/CLASS/*.jpg and val/CLASS/*.jpg of {root}.");
        var test = new[] { "val", "test" }.Select(n => Path.Combine(root, n)).FirstOrDefault(Directory.Exists)
            ?? throw new DatasetException(
                $"{root} has no folder val (or test): without held-out images there is nothing to measure on; "
                + "give it the same class folders as train.");

        var classes = ClassesIn(train);
        if (classes.Length == 0) throw new DatasetException($"{train} holds no class folders: put the images into train/CLASS/*.jpg.");
        var others = ClassesIn(test);
        if (classes.Except(others).FirstOrDefault() is { } missing)
            throw new DatasetException($"{test} lacks the class {missing}, which train has; both need the same class folders.");
        if (others.Except(classes).FirstOrDefault() is { } extra)
            throw new DatasetException($"{test} has the class {extra}, which train lacks; both need the same class folders.");
        return new(root, classes, Files(root, train, classes), Files(root, test, classes));
    }

    public static string[] ClassesIn(string folder)
        => [.. new DirectoryInfo(folder).EnumerateDirectories("*", Plain).Select(d => d.Name).Order(StringComparer.Ordinal)];

    /// <summary>The images below a folder of class folders, which take turns.</summary>
    public static IReadOnlyList<JpegFile> Files(string root, string folder, string[] classes)
    {
        JpegFile Described(FileInfo file, int label)
            => new(Path.GetRelativePath(root, file.FullName), label, file.Length, file.LastWriteTimeUtc.Ticks);
        var found = classes.Select((name, label) => new DirectoryInfo(Path.Combine(folder, name)).EnumerateFiles("*", Plain).Where(IsJpeg)
            .OrderBy(f => f.Name, StringComparer.Ordinal)
            .Select((file, place) => (Place: place, File: Described(file, label))).ToList()).ToList();
        if (found.FindIndex(files => files.Count == 0) is >= 0 and var empty)
            throw new DatasetException($"{Path.Combine(folder, classes[empty])} holds no JPEG file; fill it or take the class away.");
        // A stable sort: within a turn, classes keep their order.
        return [.. found.SelectMany(files => files).OrderBy(f => f.Place).Select(f => f.File)];
    }

    private static bool IsJpeg(FileInfo file) => file.Extension.ToLowerInvariant() is ".jpg" or ".jpeg";

    /// <summary>Refuses a folder that is not what the spec says.</summary>
    public void Check(JpegFolderOptions options)
    {
        var (classes, train, test) = (Classes.Length, Train.Count, Test.Count);
        if ((classes, train, test) == (options.ClassCount, options.TrainCount, options.TestCount)) return;
        var here = $"{Root} holds {classes:N0} classes with {train:N0} training and {test:N0} test images";
        throw new DatasetException(options is ImageNetOptions
            ? $"{here}, but ImageNet has {options.ClassCount:N0}, {options.TrainCount:N0} and {options.TestCount:N0}: "
                + "unpack what is missing, or train on the data set image_folder."
            : $"{here}, but the spec says {options.ClassCount:N0}, {options.TrainCount:N0} and {options.TestCount:N0}: "
                + $"set data.classes to {classes}, data.train_images to {train} and data.test_images to {test}.");
    }

    /// <summary>Changes when a file is added, removed, renamed or written, and with the size of the images that are made of them.</summary>
    public string Fingerprint(int imageSize)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Add(string line) => hash.AppendData(Encoding.UTF8.GetBytes(line));
        Add($"{SquareResampler.Version} {imageSize} {Train.Count} {Test.Count}\n");
        foreach (var file in Train.Concat(Test)) Add($"{file.Path}\0{file.Label}\0{file.Bytes}\0{file.Changed}\n");
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..24];
    }
}
