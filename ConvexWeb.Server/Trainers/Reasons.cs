namespace ConvexWeb.Server.Trainers;

/// <summary>Why an attempt ended, in one or two sentences for people.</summary>
internal static class Reasons
{
    private const long FullDisk = 16 << 20;

    public static string OfExit(int code, string tail, string folder)
    {
        if (DiskIsFull(tail, folder)) return FullDiskAt(folder);
        var how = code switch
        {
            137 => "The trainer was killed (signal 9), perhaps because memory ran out.",
            134 => "The trainer was aborted (signal 6).",
            139 => "The trainer crashed (signal 11).",
            > 128 => $"The trainer was ended by signal {code - 128}.",
            2 => "The trainer refused the spec.",
            _ => $"The trainer ended with code {code}.",
        };
        return tail.Length == 0 ? how : $"{how} Its last words: {tail}";
    }

    public static string OfFolder(Exception problem, string folder) => DiskIsFull(problem.Message, folder)
        ? FullDiskAt(folder)
        : $"The run's folder on {Environment.MachineName} cannot be written: {problem.Message}";

    private static string FullDiskAt(string folder)
        => $"The disk of {Environment.MachineName} that holds {folder} is full. Free some space there and run it again.";

    private static bool DiskIsFull(string text, string folder)
    {
        if (text.Contains("No space left on device", StringComparison.OrdinalIgnoreCase)
            || text.Contains("disk is full", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }
        try
        {
            return new DriveInfo(folder).AvailableFreeSpace < FullDisk;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }
}
