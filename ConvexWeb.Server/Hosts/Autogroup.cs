namespace ConvexWeb.Server.Hosts;

/// <summary>
/// The niceness of a session. Where the kernel groups processes by session (sched(7), "The autogroup feature"), nice(1) orders only the
/// processes of one session among themselves. A trainer has a session of its own, so it yields to the server only by its group's niceness.
/// </summary>
internal static class Autogroup
{
    private const int MostTries = 100;
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);

    // Without CAP_SYS_ADMIN the kernel takes one such change in a tenth of a second, of the whole machine.
    private static readonly TimeSpan Busy = TimeSpan.FromMilliseconds(110);

    public static string PathOf(int process) => $"/proc/{process}/autogroup";

    /// <summary>
    /// Sets it as soon as the process has left our session: before that, its group is ours. Does nothing where there are no such groups.
    /// </summary>
    public static async Task YieldAsync(int process, int niceness, TimeProvider time, CancellationToken cancel)
    {
        for (var tries = 0; tries < MostTries && !cancel.IsCancellationRequested; tries++)
        {
            var (group, own) = (Name(SystemFile.Read(PathOf(process))), Name(SystemFile.Read("/proc/self/autogroup")));
            if (group is null || own is null) return;
            var left = group != own;
            if (left && TryWrite(process, niceness)) return;
            await Task.Delay(left ? Busy : Glance, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // "/autogroup-123 nice 0"
    private static string? Name(string? line) => line?.Split(' ') is [var name, ..] && name.Length > 0 ? name : null;

    private static bool TryWrite(int process, int niceness)
    {
        try
        {
            File.WriteAllText(PathOf(process), $"{niceness}");
            return true;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
