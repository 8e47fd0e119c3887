using ConvexWeb.Server.Leasing;
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
/// Who makes a certificate. One whose owner's lease is over is made anew by whoever takes it. Two workers that make it at once, because one
/// only slept, cost time and nothing else.
/// </summary>
internal sealed class CertificateClaims(NpgsqlDataSource database, WorkerSettings settings)
{
    /// <summary>After so many workers that died in it, it is not tried again: it may be what killed them.</summary>
    public const int MostDeaths = 3;

    /// <summary>Takes the certificate of these groups that has waited longest; null when none waits.</summary>
    public async Task<CertificateTask?> ClaimAsync(IReadOnlyList<string> groups, CancellationToken cancel)
    {
        while (await TakeAsync(groups, cancel) is var (task, deaths))
        {
            if (deaths < MostDeaths) return task;
            await EndAsync(task, result: null, $"{deaths} workers died while they made it.", cancel);
        }
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

    /// <summary>Holds it for another while.</summary>
    /// <returns>Whether it is still this worker's: not when somebody cancelled it, or another worker got it.</returns>
    public async Task<bool> RenewAsync(CertificateTask task, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            """
            update certificates set lease_until = clock_timestamp() + $3
            where id = $1 and claim = $2 and state = 'running' returning true
            """);
        Add(command, task.Id, task.Claim, settings.Lease);
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

    private async Task<(CertificateTask Task, int Deaths)?> TakeAsync(IReadOnlyList<string> groups, CancellationToken cancel)
    {
        // One that is running and whose lease is over was left by a worker that did not say why.
        await using var command = database.CreateCommand(
            $"""
            with next as (
                select c.id from certificates c join runs r on r.id = c.run_id
                where (c.state = 'queued' or c.state = 'running' and c.lease_until < clock_timestamp()) and r.execution_group = any($1)
                order by c.requested_at, c.id limit 1 for update of c skip locked),
            taken as (
                update certificates c set
                    state = 'running', claim = c.claim + 1, deaths = c.deaths + case c.state when 'running' then 1 else 0 end,
                    worker = $2, started_at = clock_timestamp(), lease_until = clock_timestamp() + $3
                from next where c.id = next.id returning c.*)
            select c.claim, d.id, c.run_id, c.attempt, c.kind, c.sha256, c.pairs, c.twin_run,
                coalesce((select max(t.attempt) from checkpoints t where t.run_id = c.twin_run and t.kind = 'last'), 0), c.deaths, c.id,
                pg_notify('{RunChanges.Rows}', c.run_id::text)::text
            from taken c cross join this_database d
            """);
        Add(command, groups.ToArray(), settings.Name, settings.Lease);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel)) return null;
        var twin = reader.IsDBNull(7) ? null : new CheckpointFile(reader.GetInt64(7), reader.GetInt32(8), "last");
        var checkpoint = new CheckpointFile(reader.GetInt64(2), reader.GetInt32(3), reader.GetString(4));
        var task = new CertificateTask(
            reader.GetGuid(10), reader.GetInt32(0), reader.GetGuid(1), checkpoint, reader.GetString(5), reader.GetInt32(6), twin);
        return (task, reader.GetInt32(9));
    }

    private static void Add(NpgsqlCommand command, params object[] values)
    {
        foreach (var value in values) command.Parameters.Add(new() { Value = value });
    }
}
