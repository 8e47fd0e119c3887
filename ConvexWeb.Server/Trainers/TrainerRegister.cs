using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Leasing;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Server.Trainers;

/// <summary>
/// The trainers that this worker has running, a small file each in <c>workers/NAME/trainers</c> of the data folder. A trainer ends when its
/// worker does, because its standard input ends; one that hangs does not. So a worker that starts ends what an earlier life of its name has
/// left, before its slots open.
/// </summary>
public sealed class TrainerRegister(WorkerSettings worker, IOptions<Settings> settings, TimeProvider time, ILogger<TrainerRegister> log)
    : IHostedLifecycleService
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    /// <summary>
    /// Ids name processes together with their start, on one machine since it was started, and in one container: the data folder may be
    /// shared with others.
    /// </summary>
    internal sealed record Entry(int Id, long Started, string Program, int Server, long ServerStarted, string Place);

    internal string Folder
        => Path.Combine(settings.Value.DataFolder, "workers", Uri.EscapeDataString(worker.Name).Replace(".", "%2E"), "trainers");

    /// <returns>To be disposed of when it has ended; null when it could not be registered.</returns>
    public IDisposable? Add(int process, string program)
    {
        var own = ProcessStat.Of(Environment.ProcessId);
        if (own is null || ProcessStat.Of(process) is not { } trainer) return null;
        var file = Path.Combine(Folder, $"{process}-{trainer.Started}.json");
        try
        {
            Directory.CreateDirectory(Folder);
            var half = file + ".part";
            var entry = new Entry(process, trainer.Started, program, own.Id, own.Started, Machine.Place);
            File.WriteAllText(half, JsonSerializer.Serialize(entry));
            File.Move(half, file, overwrite: true);
            return new Registration(file);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            log.LogWarning("Trainer {Process} could not be registered: {Problem}", process, problem.Message);
            return null;
        }
    }

    /// <summary>Ends the trainers of a worker of this name that is dead, and waits until they are gone.</summary>
    /// <returns>How many they were.</returns>
    internal async Task<int> EndOrphansAsync(CancellationToken cancel)
    {
        var count = 0;
        foreach (var file in Files())
        {
            var entry = Read(file);
            if (entry is not null && entry.Place != Machine.Place)
            {
                // Another machine's, or of this one before it was started again: what has that id here is something else.
                if (time.GetUtcNow() - File.GetLastWriteTimeUtc(file) > Kept) Delete(file);
                continue;
            }
            if (entry is not null && Lives(entry.Server, entry.ServerStarted)) continue;
            if (entry is not null && IsTrainer(entry))
            {
                log.LogWarning("Ending trainer {Process}, which an earlier life of this worker left", entry.Id);
                if (!await EndAsync(entry, cancel)) continue;
                count++;
            }
            Delete(file);
        }
        return count;
    }

    private static bool Lives(int id, long started) => ProcessStat.Of(id) is { Lives: true } process && process.Started == started;

    private static bool IsTrainer(Entry entry)
        => Lives(entry.Id, entry.Started) && ProcessStat.CommandLine(entry.Id).Contains(entry.Program);

    private async Task<bool> EndAsync(Entry entry, CancellationToken cancel)
    {
        try
        {
            using var process = Process.GetProcessById(entry.Id);
            process.Kill(entireProcessTree: true);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            limit.CancelAfter(Patience);
            await process.WaitForExitAsync(limit.Token);
            return true;
        }
        catch (Exception problem) when (problem is ArgumentException or InvalidOperationException)
        {
            return true; // It has gone by itself.
        }
        catch (Exception problem) when (problem is Win32Exception or AggregateException or OperationCanceledException)
        {
            log.LogError("Trainer {Process} of an earlier life of this worker cannot be ended: {Problem}", entry.Id, problem.Message);
            return false;
        }
    }

    private string[] Files()
    {
        try
        {
            return Directory.GetFiles(Folder, "*.json");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static Entry? Read(string file)
    {
        try
        {
            return SystemFile.Read(file) is { } text ? JsonSerializer.Deserialize<Entry>(text) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static void Delete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // It names a process that is gone: the next start looks at it again.
        }
    }

    /// <summary>Before anything is started, the slots among it.</summary>
    public Task StartingAsync(CancellationToken cancellationToken) => EndOrphansAsync(cancellationToken);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private sealed class Registration(string file) : IDisposable
    {
        public void Dispose() => Delete(file);
    }
}
