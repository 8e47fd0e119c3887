namespace ConvexWeb.Server.Leasing;

/// <summary>A token that is cancelled some time after another: the time that is left to finish what was begun.</summary>
internal sealed class Limit : IDisposable
{
    private readonly CancellationTokenSource source;
    private readonly CancellationTokenRegistration registration;

    private Limit(CancellationTokenSource source, CancellationTokenRegistration registration)
        => (this.source, this.registration) = (source, registration);

    public CancellationToken Token => source.Token;

    public static Limit After(TimeSpan grace, TimeProvider time, CancellationToken signal)
    {
        var source = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        return new(source, signal.Register(() => source.CancelAfter(grace)));
    }

    public void Dispose()
    {
        registration.Dispose();
        source.Dispose();
    }
}
