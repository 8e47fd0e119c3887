using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using Npgsql;

namespace ConvexWeb.Tests.Persistence;

public sealed class DatabaseRetryTests
{
    private static readonly Exception Away = new NpgsqlException("away");

    private readonly ListLogger<DatabaseRetry> log = new();
    private readonly Impatient time = new();
    private int tries;

    [Fact]
    public async Task An_outage_is_waited_out_however_long_it_lasts()
    {
        Assert.Equal(42, await TryAsync(Enumerable.Repeat(Away, 3000)));

        Assert.Equal(3001, tries);
        Assert.All(time.Waited, wait => Assert.InRange(wait, TimeSpan.Zero, TimeSpan.FromSeconds(1)));
        Assert.InRange(time.Waited.Average(wait => wait.TotalSeconds), 0.9, 1);
        Assert.Equal("Run 1 must wait for the database: away", Assert.Single(log.Lines));
    }

    [Fact]
    public async Task The_first_waits_are_short_and_not_those_of_another_node()
    {
        await TryAsync([Away, Away]);
        Assert.All(time.Waited, wait => Assert.InRange(wait, TimeSpan.Zero, TimeSpan.FromSeconds(0.8)));

        // Whole milliseconds: two of them may be the same by chance, all of five hardly.
        await TryAsync(Enumerable.Repeat(Away, 5));
        await TryAsync(Enumerable.Repeat(Away, 5));
        Assert.NotEqual(time.Waited.Skip(2).Take(5), time.Waited.Skip(7));
    }

    [Fact]
    public async Task A_refusal_is_asked_about_three_times_in_all()
    {
        Assert.Equal(42, await TryAsync([Refusal(), Away, Refusal()]));
        tries = 0;
        await Assert.ThrowsAsync<PostgresException>(() => TryAsync([Refusal(), Away, Refusal(), Away, Refusal()]));
        Assert.Equal(5, tries);
    }

    [Fact]
    public async Task What_is_neither_is_thrown_at_once()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => TryAsync([new InvalidOperationException("a mistake")]));
        Assert.Equal(1, tries);
    }

    [Fact]
    public async Task A_caller_that_gives_up_is_let_go_in_the_middle_of_a_wait()
    {
        using var stop = new CancellationTokenSource();

        var waiting = new DatabaseRetry(TimeProvider.System, log).RunAsync<int>(
            "Run 1", async _ =>
            {
                if (++tries == 3) await stop.CancelAsync();
                throw Away;
            }, stop.Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(3, tries);
    }

    private Task<int> TryAsync(IEnumerable<Exception> problems)
    {
        var left = new Queue<Exception>(problems);
        return new DatabaseRetry(time, log).RunAsync("Run 1", _ =>
        {
            tries++;
            return left.TryDequeue(out var problem) ? Task.FromException<int>(problem) : Task.FromResult(42);
        }, CancellationToken.None);
    }

    private static PostgresException Refusal() => new("duplicate key", "ERROR", "ERROR", PostgresErrorCodes.UniqueViolation);
}
