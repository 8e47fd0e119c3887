namespace ConvexWeb.Training.Data;

/// <summary>The folder with the data sets' files: reads them, and fetches what is missing.</summary>
/// <param name="root">Folder with one sub-folder for each data set.</param>
public sealed class DatasetStore(string root, Fetcher fetcher)
{
    /// <summary>Path of a data set's folder.</summary>
    // The one place where a name out of a spec becomes part of a path.
    public string FolderOf(IDataset dataset) => ImageFolderOptions.IsPlainName(dataset.Folder) ? Path.Combine(root, dataset.Folder)
        : throw new DatasetException($"'{dataset.Folder}' is not a plain folder name: letters, digits, '_', '.' and '-'.");

    /// <summary>Both splits of a data set; fetched first where files are missing. <paramref name="say"/> gets lines for the log.</summary>
    /// <exception cref="DatasetException">It cannot be had; the message says what to do.</exception>
    public async Task<ImageSet> LoadAsync(
        DataOptions options, IProgress<FetchProgress>? progress, Action<string> say, CancellationToken cancel)
    {
        var folder = FolderOf(options);
        if (options.Files.Count > 0 && !options.IsIn(folder))
        {
            say($"{options.Name} is not in {folder}: fetching it");
            foreach (var file in options.Files) await fetcher.FetchAsync(options.Name, file, folder, progress, say, cancel);
        }
        var set = await options.ReadAsync(new(folder, Path.Combine(root, "cache"), say), cancel);
        return set.AgainstRest(options.Positive) with { Info = DatasetInfo.Stored(options), ClassNames = options.Names ?? set.ClassNames };
    }

    /// <summary>The options of a folder of images with the numbers of classes and images that are there.</summary>
    /// <exception cref="DatasetException">Folders are missing.</exception>
    public ImageFolderOptions Count(ImageFolderOptions options)
    {
        var found = JpegFolder.Scan(FolderOf(options));
        return options with { Classes = found.Classes.Length, TrainImages = found.Train.Count, TestImages = found.Test.Count };
    }

    /// <summary>Names of the folders that look like a data set of images.</summary>
    public IReadOnlyList<string> ImageFolders() => !Directory.Exists(root) ? []
        : [.. new DirectoryInfo(root).EnumerateDirectories()
            .Where(f => Directory.Exists(Path.Combine(f.FullName, "train"))).Select(f => f.Name).Order(StringComparer.Ordinal)];

    /// <summary>Whether a data set can be read without the network.</summary>
    public bool Has(IDataset dataset) => dataset.IsIn(FolderOf(dataset));
}
