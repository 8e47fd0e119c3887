namespace ConvexWeb.Training.Datasets;

/// <summary>The folder with the data sets' files: reads them, and fetches what is missing.</summary>
/// <param name="root">Folder with one sub-folder for each data set.</param>
public sealed class DatasetStore(string root, Fetcher fetcher)
{
    public string FolderOf(string dataset) => Path.Combine(root, dataset);

    /// <summary>Both splits of a data set; fetched first where files are missing. <paramref name="say"/> gets lines for the log.</summary>
    /// <exception cref="DatasetException">It cannot be had; the message says what to do.</exception>
    public async Task<ImageSet> LoadAsync(DataOptions options, IProgress<FetchProgress>? progress, Action<string> say, CancellationToken cancel)
    {
        var info = DatasetInfo.Of(options);
        if (options is GlyphsOptions glyphs) return Glyphs.Draw(glyphs, info);

        var folder = FolderOf(options.Name);
        if (!HasFiles(options.Name))
        {
            say($"{options.Name} is not in {folder}: fetching it");
            foreach (var file in DatasetFiles.All[options.Name]) await fetcher.FetchAsync(options.Name, file, folder, progress, cancel);
        }
        return options switch
        {
            Cifar10Options => CifarReader.Read10(folder, info),
            Cifar100Options => CifarReader.Read100(folder, info),
            _ => IdxReader.Read(folder, info),
        };
    }

    /// <summary>Whether a data set can be read without the network.</summary>
    public bool HasFiles(string dataset)
    {
        var folder = FolderOf(dataset);
        bool Has(string name) => File.Exists(Path.Combine(folder, name));
        return dataset switch
        {
            "cifar10" => Has("cifar-10-binary.tar.gz") || Has("cifar-10-batches-bin/test_batch.bin") || Has("test_batch.bin"),
            "cifar100" => Has("cifar-100-binary.tar.gz") || Has("cifar-100-binary/test.bin") || Has("test.bin"),
            "glyphs" => true,
            _ => DatasetFiles.All[dataset].All(f => Has(f.Name) || Has(Path.GetFileNameWithoutExtension(f.Name))),
        };
    }
}
