using System.Text;
using System.Threading.Channels;
using ConvexWeb.Training.Events;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// Writes events as JSON lines on threads of its own:
/// each first to the journal, then to the live stream. The training thread only hands them over.
/// The journal is what counts: a live stream that nobody reads on holds up neither journal nor training, and loses lines.
/// </summary>
public sealed class EventWriter : IDisposable
{
    private const int LinesHeldBack = 100_000;

    // At the end, a reader that takes nothing for so long has gone.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Channel<object> queue = Channel.CreateUnbounded<object>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Channel<(TrainingEvent Happened, string Line)> showing = Channel.CreateBounded<(TrainingEvent, string)>(
        new BoundedChannelOptions(LinesHeldBack) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    private readonly FileStream? journal;
    private readonly Action<TrainingEvent, string>? live;
    private readonly TimeProvider clock;
    private readonly Thread thread;
    private readonly Thread? viewer;
    private long lines;
    private long shown;
    private Exception? broken;

    /// <param name="path">The journal, appended to; null for none.</param>
    /// <param name="live">Gets each event and its line once the journal has it.</param>
    public EventWriter(string? path, Action<TrainingEvent, string>? live, TimeProvider clock)
    {
        this.live = live;
        this.clock = clock;
        if (path is not null) journal = Open(path, out lines);
        thread = new Thread(Run) { Name = "events", IsBackground = true };
        thread.Start();
        if (live is null) return;
        viewer = new Thread(Show) { Name = "live events", IsBackground = true };
        viewer.Start();
    }

    /// <summary>Told of each event by the thread that reports it, which waits for it: for tests that stop at a certain step.</summary>
    internal Action<TrainingEvent>? OnReport { get; init; }

    public void Report(TrainingEvent happened)
    {
        queue.Writer.TryWrite(happened with { At = clock.GetUtcNow() });
        OnReport?.Invoke(happened);
    }

    /// <summary>
    /// Waits until everything reported so far is in the journal.
    /// A checkpoint may say "step n" only after the journal says it.
    /// </summary>
    /// <exception cref="IOException">The journal cannot be written, for example because the disk is full.</exception>
    public void Drain()
    {
        using var reached = new ManualResetEventSlim();
        if (queue.Writer.TryWrite(reached)) reached.Wait();
        if (broken is not null) throw new IOException($"The journal cannot be written: {broken.Message}", broken);
    }

    private void Run()
    {
        while (queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (queue.Reader.TryRead(out var item))
            {
                if (item is TrainingEvent happened) Write(happened);
                else Reach((ManualResetEventSlim)item);
            }
        }
    }

    // Also after a power cut: the checkpoint that waits for this is on the disk in a moment.
    private void Reach(ManualResetEventSlim mark)
    {
        try
        {
            journal?.Flush(flushToDisk: true);
        }
        catch (IOException e)
        {
            broken ??= e;
        }
        mark.Set();
    }

    private void Write(TrainingEvent happened)
    {
        try
        {
            var line = TrainingEvents.Line(happened with { N = lines + 1 });
            if (journal is not null)
            {
                journal.Write(Encoding.UTF8.GetBytes(line + "\n"));
                journal.Flush();
            }
            lines++;
            if (live is not null) showing.Writer.TryWrite((happened, line));
        }
        catch (IOException e)
        {
            broken ??= e;
        }
    }

    // A slow reader gets everything; one that has taken nothing within the patience is given up.
    private void AwaitViewer()
    {
        if (viewer is null) return;
        long before;
        do before = Interlocked.Read(ref shown);
        while (!viewer.Join(Patience) && Interlocked.Read(ref shown) > before);
    }

    private void Show()
    {
        while (showing.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (showing.Reader.TryRead(out var item))
            {
                live!(item.Happened, item.Line);
                Interlocked.Increment(ref shown);
            }
        }
    }

    // A crash may have left half a line at the end: it goes, since nothing after it was promised.
    private static FileStream Open(string path, out long lines)
    {
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        lines = 0;
        var whole = 0L;
        var buffer = new byte[1 << 16];
        for (int read; (read = file.Read(buffer)) > 0;)
        {
            for (var i = 0; i < read; i++)
            {
                if (buffer[i] != '\n') continue;
                lines++;
                whole = file.Position - read + i + 1;
            }
        }
        file.SetLength(whole);
        file.Position = whole;
        return file;
    }

    public void Dispose()
    {
        queue.Writer.TryComplete();
        thread.Join();
        showing.Writer.TryComplete();
        AwaitViewer();
        journal?.Dispose();
    }
}
