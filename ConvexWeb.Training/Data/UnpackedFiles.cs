namespace ConvexWeb.Training.Data;

/// <summary>Where a data set's files lie unpacked: in the folder that its archive makes, or beside the archive.</summary>
internal static class UnpackedFiles
{
    /// <summary>The folder with all of the files; null where one is missing, and the archive is to be read.</summary>
    /// <param name="inner">Name of the folder in the archive.</param>
    public static string? FolderOf(string folder, string inner, string[] names)
        => new[] { Path.Combine(folder, inner), folder }.FirstOrDefault(place => names.All(n => File.Exists(Path.Combine(place, n))));

    /// <summary>Whether the archive is there, or all that it holds.</summary>
    public static bool Have(string folder, string archive, string inner, string[] names)
        => File.Exists(Path.Combine(folder, archive)) || FolderOf(folder, inner, names) is not null;
}
