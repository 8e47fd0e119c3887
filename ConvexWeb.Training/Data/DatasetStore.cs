namespace ConvexWeb.Training.Data;

/// <summary>The folder with the data sets' files: reads them, and fetches what is missing.</summary>
/// <param name="root">Folder with one sub-folder for each data set.</param>
public sealed class DatasetStore(string root, Fetcher fetcher)
{
    public string FolderOf(string dataset) => Path.Combine(root, dataset);

    /// <summary>Both splits of a data set; fetched first where files are missing. <paramref name="say"/> gets lines for the log.</summary>
    /// <exception cref="DatasetException">It cannot be had; the message says what to do.</exception>
    public async Task<ImageSet> LoadAsync(DataOptions options, IProgress<FetchProgress>? progress, Action<string> say, CancellationToken cancel)
    {
        var info = DatasetInfo.Stored(options);
        if (options is GlyphsOptions glyphs) return Glyphs.Draw(glyphs, info).AgainstRest(options.Positive) with { ClassNames = options.Names };
        if (options is JpegFolderOptions jpegs) return await new JpegFolderReader(Path.Combine(root, "cache"), say).ReadAsync(FolderOf(jpegs), jpegs, info, cancel);

        var folder = FolderOf(options.Name);
        if (!HasFiles(options.Name))
        {
            say($"{options.Name} is not in {folder}: fetching it");
            foreach (var file in DatasetFiles.All[options.Name]) await fetcher.FetchAsync(options.Name, file, folder, progress, cancel);
        }
        var set = options switch
        {
            Cifar10Options => CifarReader.Read10(folder, info),
            Cifar100Options => CifarReader.Read100(folder, info),
            Cifair10Options => CifairReader.Read10(folder, info),
            Cifair100Options => CifairReader.Read100(folder, info),
            SvhnOptions => SvhnReader.Read(folder, info),
            Stl10Options => Stl10Reader.Read(folder, info),
            _ => IdxReader.Read(folder, info),
        };
        return set.AgainstRest(options.Positive) with { ClassNames = options.Names };
    }

    /// <summary>What lies in a folder of images: its options with the numbers of classes and images that are there.</summary>
    /// <exception cref="DatasetException">Folders are missing.</exception>
    public ImageFolderOptions Count(ImageFolderOptions options)
    {
        var found = JpegFolder.Scan(FolderOf(options));
        return options with { Classes = found.Classes.Length, TrainImages = found.Train.Count, TestImages = found.Test.Count };
    }

    /// <summary>Names of the folders that look like a data set of images.</summary>
    public IReadOnlyList<string> ImageFolders() => !Directory.Exists(root) ? []
        : [.. new DirectoryInfo(root).EnumerateDirectories().Where(f => Directory.Exists(Path.Combine(f.FullName, "train"))).Select(f => f.Name).Order(StringComparer.Ordinal)];

    // The one place where a name out of a spec becomes part of a path.
    private string FolderOf(JpegFolderOptions options)
        => ImageFolderOptions.IsPlainName(options.FolderName) ? FolderOf(options.FolderName)
            : throw new DatasetException($"'{options.FolderName}' is not a plain folder name: letters, digits, '_', '.' and '-'.");

    /// <summary>Whether a data set can be read without the network.</summary>
    public bool HasFiles(string dataset)
    {
        var folder = FolderOf(dataset);
        bool Has(string name) => File.Exists(Path.Combine(folder, name));
        bool HasAll(string inner, string[] names) => UnpackedFiles.FolderOf(folder, inner, names) is not null;
        return dataset switch
        {
            "cifar10" => Has("cifar-10-binary.tar.gz") || HasAll("cifar-10-batches-bin", CifarReader.Files10),
            "cifar100" => Has("cifar-100-binary.tar.gz") || HasAll("cifar-100-binary", CifarReader.Files100),
            "cifair10" => Has("ciFAIR-10.zip") || HasAll("ciFAIR-10", CifairReader.Files10),
            "cifair100" => Has("ciFAIR-100.zip") || HasAll("ciFAIR-100", CifairReader.Files100),
            "stl10" => Has("stl10_binary.tar.gz") || HasAll(Stl10Reader.Inner, Stl10Reader.Names),
            "glyphs" => true,
            "imagenet" => Directory.Exists(Path.Combine(folder, "train")),
            "image_folder" => ImageFolders().Count > 0,
            _ => DatasetFiles.All[dataset].All(f => Has(f.Name) || Has(Path.GetFileNameWithoutExtension(f.Name))),
        };
    }
}
