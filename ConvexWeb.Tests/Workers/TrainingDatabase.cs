using System.Globalization;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Ingest;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Runs;
using ConvexWeb.Training.Events;
using Dapper;
using Npgsql;

namespace ConvexWeb.Tests.Workers;

/// <summary>What tests of workers do with a database.</summary>
public static class TrainingDatabase
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    public static async Task<long> AddRunAsync(
        this NpgsqlConnection connection, string spec = "{}", Priority priority = Priority.Normal, string queue = "cpu", int epochs = 4,
        string user = "tester", int memory = 0, long? study = null, string? key = null)
    {
        study ??= await connection.ExecuteScalarAsync<long>("insert into studies (name, created_by) values ('s', 'tester') returning id");
        return await connection.ExecuteScalarAsync<long>(
            """
            with run as (
                insert into runs (study_id, name, seed, spec, group_key, model, convexity, dataset, labels, parameters, epochs,
                    steps_per_epoch, total_steps)
                values (@study, 'r', 0, @spec::json, coalesce(@key::text, gen_random_uuid()::text), 'mlp', 'none', 'glyphs', 'true', 1,
                    @epochs, 5, 20) returning id)
            insert into work_items (kind, run_id, study_id, created_by, priority, queue, memory_mb)
            select 'run', id, @study, @user, @priority, @queue, @memory from run returning run_id
            """, new { study, spec, priority = (int)priority, queue, epochs, user, memory, key });
    }

    /// <param name="key">Of runs of the same spec; null: of its own.</param>
    public static async Task<long> AddRunAsync(
        this NpgsqlDataSource database, string spec = "{}", Priority priority = Priority.Normal, string queue = "cpu",
        string user = "tester", int memory = 0, long? study = null, string? key = null)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.AddRunAsync(spec, priority, queue, user: user, memory: memory, study: study, key: key);
    }

    /// <summary>A run in the hands of a worker, taken from its owner if the owner's lease is over.</summary>
    public static async Task<Assignment> ClaimAsync(this NpgsqlDataSource database, long run, double seconds = 60, string worker = "w")
    {
        await using (var connection = await database.OpenConnectionAsync())
        {
            await connection.ExecuteAsync(Leases.Release("i.run_id = @run"), new { run });
            await connection.ExecuteAsync("update work_items set deaths = 0 where run_id = @run", new { run }); // as often as a test likes
        }
        var settings = new WorkerSettings { Name = worker, Lease = TimeSpan.FromSeconds(seconds) };
        var claimed = await new Leases(database, settings).ClaimAsync(["cpu"]);
        Assert.Equal(run, claimed?.RunId);
        return claimed!;
    }

    /// <summary>The owner is not heard of any more, and its lease has run out: as it does some seconds after the last batch.</summary>
    public static Task<int> LoseAsync(this NpgsqlDataSource database, long run) => database.ScalarAsync<int>(
        "update work_items set lease_until = clock_timestamp() - interval '1 second' where run_id = @run returning 1", new { run });

    public static async Task<T> ScalarAsync<T>(this NpgsqlDataSource database, string sql, object? parameters = null)
    {
        await using var connection = await database.OpenConnectionAsync();
        return (await connection.ExecuteScalarAsync<T>(sql, parameters))!;
    }

    public static async Task ExecuteAsync(this NpgsqlDataSource database, string sql, object? parameters = null)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync(sql, parameters);
    }

    public static async Task<IReadOnlyList<T>> RowsAsync<T>(this NpgsqlDataSource database, string sql, object? parameters = null)
    {
        await using var connection = await database.OpenConnectionAsync();
        return [.. await connection.QueryAsync<T>(sql, parameters)];
    }

    public static Task<string> StateAsync(this NpgsqlDataSource database, long run)
        => database.ScalarAsync<string>("select state from work_items where kind = 'run' and run_id = @run", new { run });

    public static Task<string> OutcomesAsync(this NpgsqlDataSource database, long run) =>
        database.ScalarAsync<string>(
            """
            select coalesce(string_agg(coalesce(a.outcome, '-'), ',' order by a.number), '')
            from attempts a join work_items i on i.id = a.item_id where i.kind = 'run' and i.run_id = @run
            """, new { run });

    /// <summary>Waits until a condition holds; the database may be away meanwhile.</summary>
    public static async Task UntilAsync(
        this NpgsqlDataSource database, string condition, object? parameters = null, TimeSpan? patience = null)
    {
        using var limit = new CancellationTokenSource(patience ?? Patience);
        while (true)
        {
            try
            {
                if (await database.ScalarAsync<bool>($"select coalesce(({condition}), false)", parameters)) return;
            }
            catch (NpgsqlException)
            {
                // Asked again.
            }
            if (limit.IsCancellationRequested) Assert.Fail($"Never came true: {condition}. Items: {await DescribeAsync(database)}");
            await Task.Delay(20); // between two looks
        }
    }

    public static async Task UntilAsync(this NpgsqlDataSource database, long run, RunState state) =>
        await database.UntilAsync("select state = @state from work_items where kind = 'run' and run_id = @run",
            new { run, state = state.ToString() });

    /// <summary>
    /// Every step from 1 to <paramref name="steps"/> is there exactly once for a reader, and the numbers of the points have no hole.
    /// </summary>
    public static async Task AssertWholeAsync(this NpgsqlDataSource database, long run, int steps = 20)
    {
        var batch = await new PointReader(database).ReadAsync(run, new PointQuery());
        var series = Assert.Single(batch!.Series, series => series.Metric == "train/loss_running");
        Assert.Equal(Enumerable.Range(1, steps).Select(step => (long)step), series.Steps);
        Assert.Equal(series.Steps.Select(step => step + 0.25), series.Values);

        // Not by column of the reader, which would hide a doubled point: by row.
        Assert.Equal(0, await database.ScalarAsync<long>(
            """
            select count(*) from (select 1 from points p where run_id = @run
              and not exists (select from journals j where j.run_id = p.run_id and j.attempt > p.attempt and j.resumed_step < p.step)
            group by metric_id, step having count(*) > 1) doubled
            """, new { run }));
        Assert.True(await database.ScalarAsync<bool>(
            """
            select count(*) = max(seq) and min(seq) = 1 and max(seq) = (select last_seq from runs where id = @run)
            from points where run_id = @run
            """, new { run }));
    }

    public static JournalBatch Batch(params TrainingEvent[] events) =>
        new(events, events.Length == 0 ? 0 : events.Max(item => item.N), More: false);

    public static PointsEvent PointsAt(long line, long step, double value, string metric = "train/loss") =>
        new(step, step / 5.0, new Dictionary<string, double> { [metric] = value })
        {
            N = line,
            At = DateTimeOffset.UnixEpoch.AddSeconds(line),
        };

    /// <summary>The first line of a journal whose trainer starts at a step.</summary>
    public static StartedEvent StartedAt(long step) => new(step, step > 0, "cpu", 1, 1, 5, 20) { N = 1, At = DateTimeOffset.UnixEpoch };

    private static async Task<string> DescribeAsync(NpgsqlDataSource database)
    {
        var rows = await database.RowsAsync<(long Id, string State, int Attempt, long Step, string? Reason)>(
            """
            select r.id, i.state, i.attempt, r.step, i.reason from runs r join work_items i on i.run_id = r.id
            order by i.state = 'Succeeded', r.id desc limit 10
            """);
        return string.Join("; ", rows.Select(row => string.Create(
            CultureInfo.InvariantCulture, $"{row.Id} {row.State} attempt {row.Attempt} step {row.Step} {row.Reason}")));
    }
}
