using System.Runtime.InteropServices;

namespace ConvexWeb.Training.Cli;

/// <summary>Asks a training to write a checkpoint and stop: SIGTERM, SIGINT, and the end of standard input where that is wanted.</summary>
internal sealed class StopRequest : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly List<PosixSignalRegistration> signals = [];
    private int signalled;

    public StopRequest(bool onEndOfInput)
    {
        foreach (var signal in new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT })
        {
            signals.Add(PosixSignalRegistration.Create(signal, context =>
            {
                // The second signal is meant as it is: what does not listen, such as the reading of a large file, ends at once.
                if (Interlocked.Exchange(ref signalled, 1) == 1) return;
                context.Cancel = true;
                source.Cancel();
            }));
        }
        if (!onEndOfInput) return;
        // A worker that is killed closes the stream too, so that no training is left running without an owner.
        new Thread(() =>
        {
            while (Console.In.ReadLine() is not null)
            {
            }
            source.Cancel();
        })
        { IsBackground = true, Name = "stdin" }.Start();
    }

    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        foreach (var signal in signals) signal.Dispose();
    }
}
