using Dapper;
using Npgsql;

namespace ConvexWeb.Tests.Persistence;

/// <summary>Rows as programs of before work items stored them.</summary>
internal static class OldSchema
{
    public static async Task<long> AddOldRunAsync(
        this NpgsqlDataSource database, string state = "Queued", int priority = 5, int attempt = 0, string createdBy = "tester")
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.ExecuteScalarAsync<long>(
            """
            with study as (insert into studies (name, created_by) values ('s', @createdBy) returning id)
            insert into runs (study_id, name, seed, spec, group_key, state, priority, execution_group, attempt, model, convexity, dataset,
                labels, parameters, epochs, steps_per_epoch, total_steps, created_by, created_at)
            select id, 'r', 0, '{}', 'k', @state, @priority, 'cpu', @attempt, 'mlp', 'none', 'glyphs', 'true', 1, 4, 5, 20, @createdBy,
                '2026-01-01'
            from study returning id
            """, new { state, priority, attempt, createdBy });
    }
}
