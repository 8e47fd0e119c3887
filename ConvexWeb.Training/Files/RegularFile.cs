namespace ConvexWeb.Training.Files;

/// <summary>
/// Opens files that anybody may have put where they are. Opening a pipe waits for its writer, perhaps for ever, and a device has no end.
/// </summary>
public static class RegularFile
{
    /// <summary>Opens a file to read, which another one may replace meanwhile.</summary>
    /// <exception cref="IOException">It is not there, or is empty, a pipe, a socket or a device.</exception>
    public static FileStream Open(string path)
    {
        Check(path);
        return new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    /// <exception cref="IOException">It is not there, or is empty, a pipe, a socket or a device.</exception>
    public static void Check(string path)
    {
        if (!Is(path)) throw new IOException($"{path} is empty or not a regular file.");
    }

    /// <summary>Whether a file has bytes. Pipes, sockets and devices have none, and are not told from an empty file.</summary>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    public static bool Is(string path)
    {
        var info = new FileInfo(path);
        if (info.LinkTarget is not null) info = (FileInfo)info.ResolveLinkTarget(returnFinalTarget: true)!;
        return info.Length > 0;
    }
}
