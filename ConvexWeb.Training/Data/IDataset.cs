namespace ConvexWeb.Training.Data;

/// <summary>
/// A data set: what is known of it without reading it, the files that its authors publish, and how they are read. Its options record
/// is one, so that a data set is one file and one line of the catalogue.
/// </summary>
public interface IDataset
{
    /// <summary>Shape and number of the images as they are stored, and all classes.</summary>
    DatasetInfo Info { get; }

    /// <summary>The official files; empty where nothing can be fetched.</summary>
    IReadOnlyList<RemoteFile> Files { get; }

    /// <summary>Name of its sub-folder of the data directory.</summary>
    string Folder { get; }

    /// <summary>Whether it can be read without the network.</summary>
    /// <param name="folder">Path of its folder.</param>
    bool IsIn(string folder);

    /// <summary>Both splits, with labels from 0 to <see cref="DatasetInfo.Classes"/> − 1.</summary>
    /// <exception cref="DatasetException">Files are missing or damaged; the message says what to do.</exception>
    Task<ImageSet> ReadAsync(DatasetPlace place, CancellationToken cancel);
}

/// <summary>Where a data set is read.</summary>
/// <param name="Folder">Path of its own folder.</param>
/// <param name="Cache">Path of the folder for what is made of its files.</param>
/// <param name="Say">Gets lines for the log.</param>
public sealed record DatasetPlace(string Folder, string Cache, Action<string> Say);
