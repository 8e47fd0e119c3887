using System.Security.Claims;
using System.Threading.Channels;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Live;

[Trait("kind", "database")]
public sealed class RunFeedTests(ServerHost host) : IClassFixture<ServerHost>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_row_that_changes_reaches_whoever_wants_it_whole_and_soon()
    {
        await using var circuit = SignedIn();
        var run = await AddRunAsync();
        var news = Listen(circuit, [run]);
        var waits = new List<double>();
        for (var step = 1; step <= 40; step++)
        {
            var told = TimeProvider.System.GetTimestamp();
            await ChangeAsync(run, step);
            var row = await NextAsync(news, row => row.Step == step);
            waits.Add(TimeProvider.System.GetElapsedTime(told).TotalMilliseconds);
            Assert.Equal(("r", "s", "mlp"), (row.Name, row.Study, row.Model));
        }
        waits.Sort();
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine($"p50 {waits[20]:0} ms, p95 {waits[38]:0} ms, max {waits[39]:0} ms");
        Assert.True(waits[38] < 900, $"p95 {waits[38]:0} ms");
    }

    [Fact]
    public async Task Other_runs_are_left_out_and_all_are_told_to_whoever_wants_all()
    {
        await using var circuit = SignedIn();
        var (mine, other) = (await AddRunAsync(), await AddRunAsync());
        var (some, all) = (Listen(circuit, [mine]), Listen(circuit, null));

        await ChangeAsync(other, 3);
        await ChangeAsync(mine, 4);

        Assert.Equal(3, (await NextAsync(all, row => row.Id == other)).Step);
        Assert.Equal(mine, (await NextAsync(some)).Id); // the first that comes
    }

    [Fact]
    public async Task Whoever_is_not_signed_in_gets_nothing()
    {
        await using var scope = host.Services.CreateAsyncScope();
        var feed = scope.ServiceProvider.GetRequiredService<IRunFeed>();

        Assert.Throws<AccessDeniedException>(() => feed.Subscribe(null, _ => Task.CompletedTask));
    }

    [Fact]
    public async Task A_session_that_has_ended_and_a_subscription_that_was_disposed_get_nothing_more()
    {
        await using var left = SignedIn();
        await using var circuit = SignedIn();
        var run = await AddRunAsync();
        var (ended, witness) = (Listen(left, [run]), Listen(circuit, [run]));
        var disposed = Channel.CreateUnbounded<RunNews>();
        var subscription = Feed(circuit).Subscribe([run], news => disposed.Writer.WriteAsync(news).AsTask());
        await ChangeAsync(run, 1);
        await NextAsync(ended, row => row.Step == 1);
        await NextAsync(disposed, row => row.Step == 1);

        left.ServiceProvider.GetRequiredService<Caller>().Use(new ClaimsPrincipal(new ClaimsIdentity()));
        subscription.Dispose();
        for (var step = 2; step <= 4; step++)
        {
            await ChangeAsync(run, step);
            await NextAsync(witness, row => row.Step == step);
        }

        Assert.False(ended.Reader.TryRead(out _));
        Assert.False(disposed.Reader.TryRead(out _));
    }

    [Fact]
    public async Task A_slow_subscriber_delays_no_other_and_gets_the_newest_when_it_is_done()
    {
        await using var circuit = SignedIn();
        var run = await AddRunAsync();
        var (gate, slow) = (new TaskCompletionSource(), Channel.CreateUnbounded<RunNews>());
        using var subscription = Feed(circuit).Subscribe([run], async news =>
        {
            await slow.Writer.WriteAsync(news);
            await gate.Task;
        });
        var quick = Listen(circuit, [run]);
        for (var step = 1; step <= 4; step++)
        {
            await ChangeAsync(run, step);
            await NextAsync(quick, row => row.Step == step);
        }

        Assert.Equal(1, (await NextAsync(slow)).Step);
        Assert.False(slow.Reader.TryRead(out _));
        gate.SetResult();

        Assert.Equal(4, (await NextAsync(slow)).Step);
    }

    [Fact]
    public async Task One_that_fails_is_called_again()
    {
        await using var circuit = SignedIn();
        var run = await AddRunAsync();
        var calls = Channel.CreateUnbounded<RunNews>();
        using var subscription = Feed(circuit).Subscribe([run], async news =>
        {
            await calls.Writer.WriteAsync(news);
            throw new InvalidOperationException("on purpose");
        });

        await ChangeAsync(run, 1);
        await NextAsync(calls, row => row.Step == 1);
        await ChangeAsync(run, 2);

        await NextAsync(calls, row => row.Step == 2);
    }

    [Fact]
    public async Task After_an_outage_it_is_said_that_something_may_have_been_missed()
    {
        await using var circuit = SignedIn();
        var run = await AddRunAsync();
        var news = Listen(circuit, [run]);
        await ChangeAsync(run, 1);
        await NextAsync(news, row => row.Step == 1);

        await using (var connection = await host.Database.OpenConnectionAsync())
        {
            await connection.ExecuteAsync(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and query ilike 'listen%' and pid <> pg_backend_pid()
                """);
        }

        using var limit = new CancellationTokenSource(Patience);
        while (!(await news.Reader.ReadAsync(limit.Token)).Missed)
        {
            // A row may come before it.
        }
        await ChangeAsync(run, 2);
        await NextAsync(news, row => row.Step == 2);
    }

    private AsyncServiceScope SignedIn()
    {
        var scope = host.Services.CreateAsyncScope();
        scope.ServiceProvider.GetRequiredService<Caller>().Use(new(new ClaimsIdentity([new(ClaimTypes.Name, "ada")], "test")));
        return scope;
    }

    private static IRunFeed Feed(AsyncServiceScope circuit) => circuit.ServiceProvider.GetRequiredService<IRunFeed>();

    private static Channel<RunNews> Listen(AsyncServiceScope circuit, IReadOnlyCollection<long>? ids)
    {
        var news = Channel.CreateUnbounded<RunNews>();
        Feed(circuit).Subscribe(ids, item => news.Writer.WriteAsync(item).AsTask());
        return news;
    }

    private static async Task<RunRow> NextAsync(Channel<RunNews> news, Func<RunRow, bool>? wanted = null)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            if ((await news.Reader.ReadAsync(limit.Token)).Rows.FirstOrDefault(wanted ?? (_ => true)) is { } row) return row;
        }
    }

    private Task<long> AddRunAsync() => host.Database.AddRunAsync();

    private async Task ChangeAsync(long run, long step)
    {
        await using var connection = await host.Database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            "update runs set step = @step where id = @run; select pg_notify('convex_runs', @run::text)", new { run, step });
    }
}
