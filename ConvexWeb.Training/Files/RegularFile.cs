namespace ConvexWeb.Training.Files;

/// <summary>
/// Opens files that anybody may have put where they are. Opening a pipe waits for its writer, perhaps for ever, and a device has no end.
/// </summary>
public static class RegularFile
{
    /// <summary>Opens a file to read, which another one may replace meanwhile.</summary>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    /// <exception cref="NotRegularException">It is empty, a pipe, a socket or a device.</exception>
    public static FileStream Open(string path)
    {
        Check(path);
        return new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    /// <summary>All that is in a file.</summary>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    /// <exception cref="NotRegularException">It is empty, a pipe, a socket or a device.</exception>
    public static byte[] Bytes(string path)
    {
        Check(path);
        return File.ReadAllBytes(path);
    }

    /// <exception cref="FileNotFoundException">It is not there.</exception>
    /// <exception cref="NotRegularException">It is empty, a pipe, a socket or a device.</exception>
    public static void Check(string path)
    {
        if (!Is(path)) throw new NotRegularException($"{path} is empty or not a regular file.");
    }

    /// <summary>
    /// Whether something is at a path that a file is not to be written over: a folder, a link, or what has no bytes, since pipes, sockets
    /// and devices are not told from an empty file.
    /// </summary>
    public static bool IsTaken(string path)
    {
        var info = new FileInfo(path);
        return Directory.Exists(path) || info.LinkTarget is not null || info is { Exists: true, Length: 0 };
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

/// <summary>A file without bytes, or none that ends.</summary>
public sealed class NotRegularException(string message) : IOException(message);
