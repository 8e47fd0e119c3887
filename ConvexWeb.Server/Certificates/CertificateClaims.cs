using ConvexWeb.Server.Runs;
using ConvexWeb.Server.Workers;
using Npgsql;

namespace ConvexWeb.Server.Certificates;

/// <summary>A checkpoint's file, named by what the database knows of it.</summary>
internal sealed record CheckpointFile(long RunId, int Attempt, string Kind);

/// <summary>A certificate in the hands of this worker.</summary>
/// <param name="Claim">The fence: who took it later has a higher one, and only his words count.</param>
/// <param name="Sha256">Of the file as it was known at the request.</param>
/// <param name="Twin">Its newest checkpoint; null without a twin.</param>
internal sealed record CertificateTask(
    Guid Id, int Claim, Guid Database, CheckpointFile Checkpoint, string Sha256, int Pairs, CheckpointFile? Twin)
{
    public string Name => $"The certificate of run {Checkpoint.RunId}";
}

/// <summary>
/// Who makes a certificate. There is no lease as with runs: the queue delivers one that its worker has not ended, and whoever gets it makes
/// it anew. Two workers that make it at once, because one only slept, cost time and nothing else.
/// </summary>
internal sealed class CertificateClaims(NpgsqlDataSource database, WorkerSettings settings)
{
    /// <summary>After so many workers that died in it, it is not tried again: it may be what killed them.</summary>
    public const int MostDeaths = 3;

    /// <returns>Null when nothing is left to do.</returns>
    public async Task<CertificateTask?> ClaimAsync(Guid id, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await TakeAsync(connection, id, cancel) is not var (task, deaths)) return null;
        await RunChanges.NotifyAsync(connection, [task.Checkpoint.RunId], cancel);
        await transaction.CommitAsync(cancel);
        if (deaths < MostDeaths) return task;
        await EndAsync(task, result: null, $"{deaths} workers died while they made it.", cancel);
        return null;
    }

    /// <summary>The file turned out to be another than at the request, because the run went on.</summary>
    /// <returns>False when there is a certificate of that one already.</returns>
    public async Task<bool> MadeOfAsync(CertificateTask task, long? step, string sha256, CancellationToken cancel)
    {
        try
        {
            await using var command = database.CreateCommand(
                """
                update certificates set step = coalesce($3, step), sha256 = $4
                where id = $1 and claim = $2 and state = 'running'
                """);
            Add(command, task.Id, task.Claim, (object?)step ?? DBNull.Value, sha256);
            command.Parameters[2].NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint;
            await command.ExecuteNonQueryAsync(cancel);
            return true;
        }
        catch (PostgresException problem) when (problem.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return false;
        }
    }

    /// <param name="result">The trainer's words, JSON; null when there are none.</param>
    /// <param name="error">Why there is no result.</param>
    public Task<bool> EndAsync(CertificateTask task, string? result, string? error, CancellationToken cancel) => LeaveAsync(
        task,
        """
        state = case when $3::text is null then 'failed' else 'done' end, finished_at = now(),
        result = $3::jsonb, error = $4::text
        """, cancel, result, error);

    /// <summary>Whether it is still this worker's: not when somebody cancelled it, or another worker got it.</summary>
    public async Task<bool> HoldsAsync(CertificateTask task, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            "select exists (select from certificates where id = $1 and claim = $2 and state = 'running')");
        Add(command, task.Id, task.Claim);
        return await command.ExecuteScalarAsync(cancel) is true;
    }

    /// <summary>It waits again, because this worker is shut down.</summary>
    public Task<bool> HandBackAsync(CertificateTask task, CancellationToken cancel)
        => LeaveAsync(task, "state = 'queued', started_at = null, worker = null", cancel);

    private async Task<bool> LeaveAsync(CertificateTask task, string change, CancellationToken cancel, params string?[] values)
    {
        await using var command = database.CreateCommand(
            $"""
            with left_by as (update certificates set {change} where id = $1 and claim = $2 and state = 'running' returning run_id)
            select pg_notify('{RunChanges.Rows}', run_id::text)::text from left_by
            """);
        Add(command, task.Id, task.Claim);
        foreach (var value in values)
            command.Parameters.Add(new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        return await command.ExecuteScalarAsync(cancel) is not null;
    }

    private async Task<(CertificateTask Task, int Deaths)?> TakeAsync(NpgsqlConnection connection, Guid id, CancellationToken cancel)
    {
        // One that is running, and is delivered again, was left by a worker that did not say why.
        await using var command = new NpgsqlCommand(
            """
            update certificates c set
                state = 'running', claim = c.claim + 1, deaths = c.deaths + case c.state when 'running' then 1 else 0 end,
                worker = $2, started_at = clock_timestamp()
            from this_database d where c.id = $1 and c.state in ('queued', 'running')
            returning c.claim, d.id, c.run_id, c.attempt, c.kind, c.sha256, c.pairs, c.twin_run,
                coalesce((select max(t.attempt) from checkpoints t where t.run_id = c.twin_run and t.kind = 'last'), 0), c.deaths
            """, connection);
        Add(command, id, settings.Name);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel)) return null;
        var twin = reader.IsDBNull(7) ? null : new CheckpointFile(reader.GetInt64(7), reader.GetInt32(8), "last");
        var checkpoint = new CheckpointFile(reader.GetInt64(2), reader.GetInt32(3), reader.GetString(4));
        var task = new CertificateTask(
            id, reader.GetInt32(0), reader.GetGuid(1), checkpoint, reader.GetString(5), reader.GetInt32(6), twin);
        return (task, reader.GetInt32(9));
    }

    private static void Add(NpgsqlCommand command, params object[] values)
    {
        foreach (var value in values) command.Parameters.Add(new() { Value = value });
    }
}
