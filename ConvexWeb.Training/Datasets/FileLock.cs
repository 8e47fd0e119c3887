namespace ConvexWeb.Training.Datasets;

/// <summary>
/// Keeps other processes out while one makes a file that all of them want. The operating system frees it when its holder dies; the empty lock file
/// stays, since deleting it under a waiting process would let two in.
/// </summary>
public static class FileLock
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);

    /// <summary>Waits for the lock; disposing the result frees it. The folder must exist.</summary>
    public static async Task<FileStream> TakeAsync(string path, CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (e is not DirectoryNotFoundException)
            {
                await Task.Delay(Patience, TimeProvider.System, cancel);
            }
        }
    }

    /// <inheritdoc cref="TakeAsync"/>
    public static FileStream Take(string path) => TakeAsync(path, CancellationToken.None).GetAwaiter().GetResult();
}
