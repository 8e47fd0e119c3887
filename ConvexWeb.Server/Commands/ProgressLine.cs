using ConvexWeb.Server.Backups;

namespace ConvexWeb.Server.Commands;

/// <summary>How far something is, on one line of a terminal; where the output goes to a file, a line every ten per cent.</summary>
internal sealed class ProgressLine(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);
    private readonly long begun = time.GetTimestamp();
    private readonly bool isTerminal = !Console.IsErrorRedirected;
    private long told;
    private int tenth = -1;
    private int width;

    public void Tell(BackupProgress progress)
    {
        var share = progress.Total == 0 ? 0 : 100.0 * progress.Done / progress.Total;
        var text = $"{share,3:0} %  {BackupWords.Size(progress.Done)} in {time.GetElapsedTime(begun).TotalSeconds:0} s  {progress.What}";
        if (!isTerminal)
        {
            if ((int)share / 10 == tenth) return;
            tenth = (int)share / 10;
            Console.Error.WriteLine(text);
            return;
        }
        if (told != 0 && time.GetElapsedTime(told) < Interval) return;
        told = time.GetTimestamp();
        Console.Error.Write('\r' + text.PadRight(width));
        width = text.Length;
    }

    /// <summary>Takes the line away.</summary>
    public void End()
    {
        if (isTerminal && width > 0) Console.Error.Write('\r' + new string(' ', width) + '\r');
        width = 0;
    }
}
