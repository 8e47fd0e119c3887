using System.Diagnostics;

namespace ConvexWeb.Tests.Support;

/// <summary>A folder on a disk of its own, of memory, that can be filled to the last byte. Only root can mount one.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string path;

    private SmallDisk(string path) => this.path = path;

    public static SmallDisk? TryMount(string path, int megabytes)
    {
        Directory.CreateDirectory(path);
        if (Environment.UserName != "root") return null;
        using var mount = Process.Start("mount", ["-t", "tmpfs", "-o", $"size={megabytes}m,mode=755", "tmpfs", path]);
        mount.WaitForExit();
        return mount.ExitCode == 0 ? new(path) : null;
    }

    /// <summary>Full until what is returned is disposed of.</summary>
    public IDisposable Fill()
    {
        var filler = new FileStream(
            Path.Combine(path, "filler"), FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        var block = new byte[1 << 16];
        try
        {
            while (true) filler.Write(block);
        }
        catch (IOException)
        {
            return filler;
        }
    }

    public void Dispose()
    {
        using var unmount = Process.Start("umount", ["-l", path]);
        unmount.WaitForExit();
    }
}
