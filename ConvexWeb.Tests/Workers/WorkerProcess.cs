using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ConvexWeb.Tests.Workers;

/// <summary>A worker node as it is in life: a process of its own, which can be killed, stopped and put to sleep.</summary>
public sealed class WorkerProcess : IAsyncDisposable
{
    private const int Kill = 9;
    private const int Terminate = 15;
    private const int Continue = 18;
    private const int Sleep = 19;

    private readonly Process process;

    private WorkerProcess(Process process) => this.process = process;

    public static WorkerProcess Start(string connectionString, string folder, string name, IReadOnlyList<string>? trainer = null, params (string Key, string Value)[] settings)
    {
        var start = new ProcessStartInfo("dotnet", Path.Combine(AppContext.BaseDirectory, "ConvexWeb.Server.dll"))
        {
            RedirectStandardInput = true,
            WorkingDirectory = AppContext.BaseDirectory,
        };
        foreach (var (key, value) in TrainingNode.Quick(connectionString, folder)) Set(key, value);
        Set("Convex:Worker:Name", name);
        trainer ??= FakeTrainer.Install(folder);
        for (var place = 0; place < trainer.Count; place++) Set($"Convex:Worker:Trainer:{place}", trainer[place]);
        foreach (var (key, value) in settings) Set(key, value);
        return new(Process.Start(start)!);

        void Set(string key, string value) => start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
    }

    /// <summary>kill -9: no handler runs. Its trainers are left to themselves, as they would be.</summary>
    public async Task KillAsync()
    {
        Signal(Kill);
        await process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and the end of an orderly shutdown; its exit code.</summary>
    public async Task<int> TerminateAsync()
    {
        Signal(Terminate);
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    /// <summary>What a long pause of the machine looks like: it stands still and knows nothing of it.</summary>
    public void FallAsleep() => Signal(Sleep);

    public void WakeUp() => Signal(Continue);

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private void Signal(int signal) => Assert.Equal(0, NativeKill(process.Id, signal));

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int process, int signal);
}
