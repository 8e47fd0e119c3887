using System.Diagnostics;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Workers;

/// <summary>A worker node as it is in life: a process of its own, which can be killed, stopped and put to sleep.</summary>
public sealed class WorkerProcess : IAsyncDisposable
{
    private readonly Process process;

    private WorkerProcess(Process process) => this.process = process;

    public static WorkerProcess Start(
        string connectionString, string folder, string name, IReadOnlyList<string>? trainer = null,
        params (string Key, string Value)[] settings)
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

    /// <summary>kill -9. Its trainers are left to themselves, as they would be.</summary>
    public Task KillAsync() => process.KillHardAsync();

    public Task<int> TerminateAsync() => process.TerminateAsync();

    /// <summary>Its exit code, when it ends by itself.</summary>
    public async Task<int> ExitedAsync()
    {
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return process.ExitCode;
    }

    public void FallAsleep() => process.FallAsleep();

    public void WakeUp() => process.WakeUp();

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
    }
}
