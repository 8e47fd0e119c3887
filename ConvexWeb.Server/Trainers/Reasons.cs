using ConvexWeb.Server.Leasing;

namespace ConvexWeb.Server.Trainers;

/// <summary>Why an attempt ended, in one or two sentences for people.</summary>
internal static class Reasons
{
    private const long FullDisk = 16 << 20;
    private static readonly TimeSpan RoomPatience = TimeSpan.FromSeconds(2);

    /// <param name="outOfMemory">Whether the kernel ended a process for memory; null when it does not tell.</param>
    public static string OfExit(int code, string tail, string folder, bool? outOfMemory = null)
    {
        if (DiskIsFull(tail, folder)) return FullDiskAt(folder);
        var how = code switch
        {
            137 when outOfMemory == true => $"The trainer was killed for memory (signal 9): {Environment.MachineName} had none left.",
            137 when outOfMemory == false => "The trainer was killed by signal 9, which was not sent for lack of memory.",
            137 => "The trainer was killed (signal 9), perhaps because memory ran out.",
            134 => "The trainer was aborted (signal 6).",
            139 => "The trainer crashed (signal 11).",
            > 128 => $"The trainer was ended by signal {code - 128}.",
            2 => "The trainer refused the spec.",
            _ => $"The trainer ended with code {code}.",
        };
        return tail.Length == 0 ? how : $"{how} Its last words: {tail}";
    }

    /// <param name="state">Of the trainer, by proc(5).</param>
    public static string OfHang(TimeSpan limit, char state)
    {
        var why = state switch
        {
            'T' or 't' => " It had been stopped by a signal or a debugger.",
            'D' => " It waited for a disk, a network drive or a device.",
            _ => "",
        };
        var time = limit < TimeSpan.FromMinutes(2) ? $"{limit.TotalSeconds:0.#} seconds" : $"{limit.TotalMinutes:0.#} minutes";
        return $"The trainer hung: for {time} it reported nothing and used no processor time, and was ended.{why}";
    }

    /// <summary>
    /// How an attempt ends whose folder could not be read or written: a drive that is away comes back, which is worth another try; a full
    /// disk and a missing right stay as they are.
    /// </summary>
    public static AttemptEnd OfFolder(Exception problem, string folder)
    {
        // One that is silent would not tell either how much room it has.
        if (problem is not FolderSilentException && DiskIsFull(problem.Message, folder))
            return AttemptEnd.Failed(FullDiskAt(folder), "folder");
        var reason = $"The run's folder on {Environment.MachineName} cannot be used: {problem.Message}";
        return problem is IOException ? AttemptEnd.Unreachable(reason) : AttemptEnd.Failed(reason, "folder");
    }

    private static string FullDiskAt(string folder)
        => $"The disk of {Environment.MachineName} that holds {folder} is full. Free some space there and run it again.";

    private static bool DiskIsFull(string text, string folder)
    {
        if (text.Contains("No space left on device", StringComparison.OrdinalIgnoreCase)
            || text.Contains("disk is full", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }
        // A drive that has just failed may not answer at all; then it is not said to be full.
        var asking = Task.Run(() => HasNoRoom(folder));
        return asking.Wait(RoomPatience) && asking.Result;
    }

    private static bool HasNoRoom(string folder)
    {
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
