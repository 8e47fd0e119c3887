using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Ingest;

namespace ConvexWeb.Server.Trainers;

/// <summary>
/// A running trainer. Its stdin stays open for as long as we live: when it closes, because we ask it to stop or
/// because we died, the trainer writes a checkpoint and ends. Its stdout only says that there is something new in the
/// journal; where there is none, it is the answer.
/// </summary>
public sealed class TrainerProcess : IAsyncDisposable
{
    private const int MostErrorLines = 2000;
    private const int TailLines = 12;
    private const int Killed = 128 + 9;
    private static readonly TimeSpan UntilGivenUp = TimeSpan.FromSeconds(15);

    private readonly Process process;
    private readonly TimeProvider time;
    private readonly SemaphoreSlim changed = new(0, 1);
    private readonly ConcurrentQueue<ErrorLine> errors = new();
    private readonly Queue<string> tail = new();
    private readonly Task output;
    private readonly Task errorOutput;
    private readonly Task exited;
    private readonly Task yielding;
    private readonly CancellationTokenSource over = new();
    private readonly TaskCompletionSource killed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly OutOfMemory memory = new();
    private readonly IDisposable? registration;
    private (long? Before, long? Newest) memoryKills;
    private long errorCount;
    private long lines;

    private TrainerProcess(Process process, TrainerStart start, TimeProvider time, Action<string> take)
    {
        (this.process, this.time) = (process, time);
        registration = start.Register?.Add(process.Id, start.Program);
        memoryKills = (memory.Count(), memory.Count());
        yielding = start.Niceness > 0 ? Autogroup.YieldAsync(process.Id, start.Niceness, time, over.Token) : Task.CompletedTask;
        output = ReadAsync(process.StandardOutput, take);
        errorOutput = ReadAsync(process.StandardError, Keep);
        exited = WaitAsync();
    }

    /// <summary>As the other one, which writes into the data folder. One that comes to be when it was given up is ended.</summary>
    internal static Task<TrainerProcess> StartAsync(
        FolderGuard guard, TrainerStart start, string spec, TimeProvider time, Action<string>? take = null)
        => guard.CallLongAsync(
            _ => StartAsync(start, spec, time, take).GetAwaiter().GetResult(), untilStop: true, late: trainer => trainer.DisposeAsync());

    /// <param name="take">Gets the lines of stdout, on any thread.</param>
    /// <exception cref="Win32Exception">The program cannot be started.</exception>
    public static async Task<TrainerProcess> StartAsync(TrainerStart start, string spec, TimeProvider time, Action<string>? take = null)
    {
        var process = Process.Start(start.Process)!;
        PreferAsVictim(process);
        var trainer = new TrainerProcess(process, start, time, take ?? (_ => { }));
        try
        {
            await process.StandardInput.WriteAsync(spec.ReplaceLineEndings(" ") + "\n");
            await process.StandardInput.FlushAsync();
        }
        catch (IOException)
        {
            // It is dead already; its exit says why.
        }
        return trainer;
    }

    public int Id => process.Id;

    public bool HasExited => exited.IsCompleted;

    /// <summary>
    /// Completes when it has ended and what it wrote last is read; or some seconds after it was killed, when it does not even end then, in
    /// a system call that no signal interrupts.
    /// </summary>
    public Task Exited => exited;

    /// <summary>As a shell has it: 128 + n for one that signal n ended.</summary>
    public int ExitCode => process.HasExited ? process.ExitCode : Killed;

    /// <summary>Lines of either stream so far.</summary>
    public long Lines => Interlocked.Read(ref lines);

    /// <summary>The most memory that it had by the last look; null before the first.</summary>
    public int? PeakMemoryMb { get; private set; }

    /// <summary>Whether signal 9, by which it has ended, came from the kernel for lack of memory; null when that is not known.</summary>
    public bool? KilledForMemory { get; private set; }

    /// <summary>
    /// Notes what is not to be seen any more once it has ended. To be called every second or so by one who waits for it.
    /// </summary>
    public void Look()
    {
        if (ProcessStat.PeakMemoryMb(process.Id) is { } peak) PeakMemoryMb = Math.Max(PeakMemoryMb ?? 0, peak);

        // The last count but one: the newest may have its own end in it, which is not noticed yet.
        if (HasExited) return;
        lock (tail) memoryKills = (memoryKills.Newest, memory.Count());
    }

    /// <summary>The last lines of stderr.</summary>
    public string Tail
    {
        get
        {
            lock (tail) return string.Join('\n', tail);
        }
    }

    /// <summary>Completes when there may be something new, at the latest after <paramref name="patience"/>.</summary>
    public async Task ChangedAsync(TimeSpan patience)
    {
        using var cancel = new CancellationTokenSource(patience, time);
        await changed.WaitAsync(cancel.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public IReadOnlyList<ErrorLine> TakeErrors()
    {
        var lines = new List<ErrorLine>();
        while (errors.TryDequeue(out var line)) lines.Add(line);
        return lines;
    }

    public void AskToStop()
    {
        try
        {
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has gone by itself.
        }
    }

    public void Kill()
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception problem) when (problem is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has gone by itself.
        }
        killed.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        if (!HasExited) Kill();
        await exited;
        await over.CancelAsync();
        await yielding;
        over.Dispose();
        process.Dispose();
        changed.Dispose();
    }

    private async Task WaitAsync()
    {
        var ended = process.WaitForExitAsync();
        await Task.WhenAny(ended, GiveUpAsync());
        if (ended.IsCompleted)
        {
            // Its file is in the data folder, which may not answer.
            if (registration is not null) await Task.WhenAny(Task.Run(registration.Dispose), Task.Delay(UntilGivenUp, time));
            if (process.ExitCode == Killed) lock (tail) KilledForMemory = memory.Since(memoryKills.Before);
        }

        // What it wrote last; but a grandchild that keeps the pipes open does not hold us up.
        await Task.WhenAny(Task.WhenAll(output, errorOutput), Task.Delay(TimeSpan.FromSeconds(2), time));
        Signal();
    }

    private async Task GiveUpAsync()
    {
        await killed.Task;
        await Task.Delay(UntilGivenUp, time, over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task ReadAsync(StreamReader reader, Action<string> take)
    {
        try
        {
            while (await reader.ReadLineAsync() is { } line)
            {
                Interlocked.Increment(ref lines);
                take(line);
                Signal();
            }
        }
        catch (Exception problem) when (problem is IOException or ObjectDisposedException)
        {
            // The end of the pipe, in another way.
        }
    }

    private void Keep(string text)
    {
        var line = new ErrorLine(Interlocked.Increment(ref errorCount), time.GetUtcNow(), StorableText.Clean(text));
        if (line.Number <= MostErrorLines) errors.Enqueue(line);
        else if (line.Number == MostErrorLines + 1) errors.Enqueue(line with { Text = "Further lines of stderr are not kept." });
        lock (tail)
        {
            tail.Enqueue(line.Text);
            if (tail.Count > TailLines) tail.Dequeue();
        }
    }

    private void Signal()
    {
        try
        {
            if (changed.CurrentCount == 0) changed.Release();
        }
        catch (Exception problem) when (problem is SemaphoreFullException or ObjectDisposedException)
        {
            // Signalled from two sides at once, or nobody waits any more.
        }
    }

    // When memory runs out, the system is to end a trainer and not the worker.
    private static void PreferAsVictim(Process process)
    {
        try
        {
            File.WriteAllText($"/proc/{process.Id}/oom_score_adj", "500");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            // A system without it.
        }
    }
}
