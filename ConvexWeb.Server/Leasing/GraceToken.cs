namespace ConvexWeb.Server.Leasing;

/// <summary>A token that is cancelled a while after another: the time that is left to finish what was begun.</summary>
internal sealed class GraceToken : IDisposable
{
    private readonly CancellationTokenSource source;
    private readonly CancellationTokenRegistration registration;

    private GraceToken(CancellationTokenSource source, CancellationTokenRegistration registration)
        => (this.source, this.registration) = (source, registration);

    public CancellationToken Token => source.Token;

    public static GraceToken After(TimeSpan grace, TimeProvider time, CancellationToken signal)
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
