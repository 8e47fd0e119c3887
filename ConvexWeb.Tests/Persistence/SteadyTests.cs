using ConvexWeb.Server.Persistence;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ConvexWeb.Tests.Persistence;

public sealed class SteadyTests
{
    private static readonly Exception[] Troubles =
    [
        new NpgsqlException("away"), new IOException("the pipe broke"), new TimeoutException(),
        new InvalidOperationException("the connection is not open"), new ObjectDisposedException("it"),
    ];

    [Fact]
    public async Task Whatever_goes_wrong_the_work_begins_again()
    {
        var begun = 0;

        await new Steady(new Impatient(), NullLogger<Steady>.Instance).RunAsync("The test",
            _ => begun++ < Troubles.Length ? Task.FromException(Troubles[begun - 1]) : Task.CompletedTask, CancellationToken.None);

        Assert.Equal(Troubles.Length + 1, begun);
    }

    [Fact]
    public async Task It_ends_when_it_is_asked_to()
    {
        using var stop = new CancellationTokenSource();
        var running = new Steady(TimeProvider.System, NullLogger<Steady>.Instance)
            .RunAsync("The test", token => Task.Delay(Timeout.Infinite, token), stop.Token);

        await stop.CancelAsync();

        await running;
    }

    /// <summary>Every wait is over at once.</summary>
    private sealed class Impatient : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
            => base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
