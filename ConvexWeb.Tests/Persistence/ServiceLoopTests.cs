using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ConvexWeb.Tests.Persistence;

public sealed class ServiceLoopTests
{
    private static readonly Exception[] Troubles =
    [
        new NpgsqlException("away"), new IOException("the pipe broke"), new TimeoutException(),
        new InvalidOperationException("the connection is not open"), new ObjectDisposedException("it"),
        new OperationCanceledException("by something else than the server's end"),
    ];

    [Fact]
    public async Task Whatever_goes_wrong_the_work_begins_again_after_a_second()
    {
        var begun = 0;
        var time = new Impatient();

        await new ServiceLoop(time, NullLogger<ServiceLoop>.Instance).RunAsync("The test",
            _ => begun++ < Troubles.Length ? Task.FromException(Troubles[begun - 1]) : Task.CompletedTask, CancellationToken.None);

        Assert.Equal(Troubles.Length + 1, begun);
        Assert.Equal(Enumerable.Repeat(TimeSpan.FromSeconds(1), Troubles.Length), time.Waited);
    }

    [Fact]
    public async Task It_ends_when_it_is_asked_to()
    {
        using var stop = new CancellationTokenSource();
        var running = new ServiceLoop(TimeProvider.System, NullLogger<ServiceLoop>.Instance)
            .RunAsync("The test", token => Task.Delay(Timeout.Infinite, token), stop.Token);

        await stop.CancelAsync();

        await running;
    }

    [Fact]
    public async Task Work_that_fails_while_it_is_asked_to_end_is_logged_and_not_thrown()
    {
        using var stop = new CancellationTokenSource();
        var log = new ListLogger<ServiceLoop>();

        await new ServiceLoop(TimeProvider.System, log).RunAsync("The test", async _ =>
        {
            await stop.CancelAsync();
            throw new InvalidOperationException("half done");
        }, stop.Token);

        Assert.Equal("The test: failed, and tried again", Assert.Single(log.Lines));
    }

    [Fact]
    public async Task Of_an_outage_that_lasts_there_is_a_line_a_minute()
    {
        var log = new ListLogger<ServiceLoop>();
        var time = new Impatient { Step = TimeSpan.FromSeconds(1) };
        var begun = 0;

        await new ServiceLoop(time, log).RunAsync("The test",
            _ => begun++ < 150 ? Task.FromException(new NpgsqlException("away")) : Task.CompletedTask, CancellationToken.None);

        Assert.Equal(Enumerable.Repeat("The test: interrupted, and tried again: away", 3), log.Lines);
    }
}
