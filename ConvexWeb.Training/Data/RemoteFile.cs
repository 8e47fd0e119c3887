namespace ConvexWeb.Training.Data;

/// <summary>A file of a data set as its authors publish it.</summary>
/// <param name="Url">Where it is published; its last segment is the file's name.</param>
/// <param name="Md5">Checksum of the file as published.</param>
/// <param name="ContentMd5">For a gzip file: checksum of what it unpacks to,
/// by which a copy that was compressed anew is known as genuine.</param>
public sealed record RemoteFile(string Url, string Md5, string? ContentMd5 = null)
{
    public string Name => Url[(Url.LastIndexOf('/') + 1)..];

    /// <summary>Whether a folder holds all of these files, packed or not.</summary>
    internal static bool AllIn(string folder, IReadOnlyList<RemoteFile> files)
        => files.All(f => File.Exists(Path.Combine(folder, f.Name))
            || File.Exists(Path.Combine(folder, Path.GetFileNameWithoutExtension(f.Name))));
}
