using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ConvexWeb.Tests.Support;

/// <summary>What happens to processes in life.</summary>
public static class Signals
{
    private const int Kill = 9;
    private const int Terminate = 15;
    private const int Continue = 18;
    private const int Sleep = 19;

    /// <summary>kill -9: no handler runs. Its children are left to themselves.</summary>
    public static async Task KillHardAsync(this Process process)
    {
        Send(process, Kill);
        await process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and the end of an orderly shutdown; its exit code.</summary>
    public static async Task<int> TerminateAsync(this Process process)
    {
        Send(process, Terminate);
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    /// <summary>What a long pause of the machine looks like: it stands still and knows nothing of it.</summary>
    public static void FallAsleep(this Process process) => Send(process, Sleep);

    public static void WakeUp(this Process process) => Send(process, Continue);

    /// <summary>As <see cref="FallAsleep"/>, of one that may have ended.</summary>
    /// <returns>False: it has.</returns>
    public static bool TryFallAsleep(this Process process) => NativeKill(process.Id, Sleep) == 0;

    public static bool TryWakeUp(this Process process) => NativeKill(process.Id, Continue) == 0;

    private static void Send(Process process, int signal) => Assert.Equal(0, NativeKill(process.Id, signal));

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int process, int signal);
}
