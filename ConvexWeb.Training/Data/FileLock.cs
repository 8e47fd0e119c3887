namespace ConvexWeb.Training.Data;

/// <summary>
/// Keeps other processes out while one makes a file that all of them want. The operating system frees it when its holder dies; the empty
/// lock file stays, since deleting it under a waiting process would let two in.
/// </summary>
public static class FileLock
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);

    /// <summary>A process that says nothing for long is taken for one that hangs.</summary>
    private static readonly TimeSpan Reminder = TimeSpan.FromMinutes(1);

    // How each system says "somebody else has it": EAGAIN on Linux and on macOS, ERROR_SHARING_VIOLATION on Windows.
    private static readonly int[] Taken = [11, 35, unchecked((int)0x80070020)];

    /// <summary>Waits for the lock; disposing the result frees it. The folder must exist.</summary>
    /// <param name="say">Gets a line when somebody else has it, and another each minute.</param>
    /// <exception cref="IOException">The lock file itself cannot be made: a full disk, a read-only folder.</exception>
    public static async Task<FileStream> TakeAsync(string path, Action<string>? say, CancellationToken cancel)
    {
        long? said = null;
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (Taken.Contains(e.HResult))
            {
                if (said is null || TimeProvider.System.GetElapsedTime(said.Value) >= Reminder)
                {
                    said = TimeProvider.System.GetTimestamp();
                    say?.Invoke($"waiting for another process, which makes {Path.GetFileNameWithoutExtension(path)}");
                }
                await Task.Delay(Patience, TimeProvider.System, cancel);
            }
        }
    }

    /// <inheritdoc cref="TakeAsync"/>
    public static FileStream Take(string path, Action<string>? say, CancellationToken cancel)
        => TakeAsync(path, say, cancel).GetAwaiter().GetResult();
}
