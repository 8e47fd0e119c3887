namespace ConvexWeb.Tests.Support;

/// <summary>Every wait is over at once, and moves the clock on by its length or by <see cref="Step"/>.</summary>
public sealed class Impatient : TimeProvider
{
    private readonly List<TimeSpan> waited = [];
    private TimeSpan passed;

    /// <summary>How far a wait moves the clock; its own length where this is not set.</summary>
    public TimeSpan? Step { get; init; }

    /// <summary>The length of each wait.</summary>
    public IReadOnlyList<TimeSpan> Waited => waited;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => passed.Ticks + 1;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        waited.Add(dueTime);
        passed += Step ?? dueTime;
        return base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
