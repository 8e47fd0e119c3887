using ConvexWeb.Training.Events;

namespace ConvexWeb.Server.Ingest;

/// <summary>Lines of a journal that were read: their events, and the number of the last line, which may be no event.</summary>
public sealed record JournalBatch(IReadOnlyList<TrainingEvent> Events, long LastLine, bool More)
{
    /// <summary>The trainer's last word, when it is here.</summary>
    public TrainingEvent? End => Events.LastOrDefault(IsEnd);

    public static bool IsEnd(TrainingEvent told) => told is FinishedEvent or FailedEvent or StoppedEvent;

    /// <summary>What is behind a line.</summary>
    public JournalBatch After(long line) => this with { Events = [.. Events.Where(told => told.N > line)] };
}

/// <summary>
/// Reads a journal that is being written, from where it stopped the last time. A last line without its end is left for the next time.
/// </summary>
public sealed class Journal(string path)
{
    private const int Chunk = 1 << 18;
    private byte[] buffer = new byte[Chunk];
    private long offset;
    private long line;

    /// <summary>Whether it was there when it was read: one that a drive does not show may be there all the same.</summary>
    public bool IsFound { get; private set; }

    /// <summary>When it was written the last time, by the drive's clock, as of the last reading.</summary>
    public DateTimeOffset WrittenAt { get; private set; }

    /// <exception cref="IOException">It cannot be read, or is not there any more.</exception>
    public JournalBatch Read()
    {
        var length = Fill();
        var full = length == buffer.Length;
        var text = buffer.AsMemory(0, length);
        var events = new List<TrainingEvent>();
        int end;
        while ((end = text.Span.IndexOf((byte)'\n')) >= 0)
        {
            // Counted here: after a damaged line, the writer's own number may be another.
            line++;
            if (TrainingEvents.Parse(text[..end]) is { } found) events.Add(found with { N = line });
            offset += end + 1;
            text = text[(end + 1)..];
        }

        // A line longer than the buffer: more of it the next time.
        if (text.Length == buffer.Length) buffer = new byte[buffer.Length * 2];
        return new(events, line, More: full);
    }

    private int Fill()
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            (IsFound, WrittenAt) = (true, File.GetLastWriteTimeUtc(file.SafeFileHandle));
            file.Position = offset;
            return file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        }
        catch (Exception missing) when (!IsFound && missing is (FileNotFoundException or DirectoryNotFoundException))
        {
            return 0;
        }
    }
}
