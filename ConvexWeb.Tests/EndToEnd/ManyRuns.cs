using Dapper;
using Npgsql;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>Runs that look as if they had been trained, by the thousand.</summary>
public sealed class ManyRuns : IAsyncDisposable
{
    private readonly NpgsqlDataSource database;
    private readonly long last;

    private ManyRuns(NpgsqlDataSource database, long last) => (this.database, this.last) = (database, last);

    /// <summary>Adds copies of a run that has ended, each with a history of its own.</summary>
    public static async Task<ManyRuns> AddAsync(NpgsqlDataSource database, long run, int count)
    {
        await using var connection = await database.OpenConnectionAsync();
        var last = await connection.ExecuteScalarAsync<long>("select max(id) from runs");
        await connection.ExecuteAsync(
            """
            with more as (
                insert into runs (study_id, name, seed, spec, group_key, model, convexity, dataset, labels, parameters, epochs,
                    steps_per_epoch, total_steps, step, spark, latest)
                select study_id, name || ' ' || n, n, spec, group_key, model, convexity, dataset, labels, parameters, 100, steps_per_epoch,
                    total_steps, total_steps, (
                        select jsonb_agg(jsonb_build_array(1 + i * 4.3, 90 + random() * 10, 50 + i + random() * 20) order by i)
                        from generate_series(0, 23) i where n > 0), latest
                from runs, generate_series(1, @count) n where id = @run returning id, study_id),
            items as (
                insert into work_items (kind, run_id, study_id, created_by, queue, state)
                select 'run', id, study_id, 'ada', 'cpu', 'Succeeded' from more returning 1)
            select count(*) from items
            """, new { run, count }, commandTimeout: 300);
        return new(database, last);
    }

    /// <summary>Takes them away again.</summary>
    public async ValueTask DisposeAsync()
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            "delete from work_items where run_id > @last; delete from runs where id > @last", new { last }, commandTimeout: 300);
    }
}
