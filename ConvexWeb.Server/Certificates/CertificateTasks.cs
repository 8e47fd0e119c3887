using ConvexWeb.Server.Leasing;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Certificates;

/// <summary>A checkpoint's file, named by what the database knows of it.</summary>
internal sealed record CheckpointFile(long RunId, int Attempt, string Kind);

/// <summary>What a certificate is made of.</summary>
/// <param name="Sha256">Of the file as it was known at the request.</param>
/// <param name="Twin">Its newest checkpoint; null without a twin.</param>
internal sealed record CertificateTask(Guid Id, CheckpointFile Checkpoint, string Sha256, int Pairs, CheckpointFile? Twin);

/// <summary>What a worker reads and stores of a certificate whose item it owns; of one that is another's it stores nothing.</summary>
internal sealed class CertificateTasks(NpgsqlDataSource database)
{
    private sealed record Row(Guid Id, long RunId, int Attempt, string Kind, string Sha256, int Pairs, long? TwinRun, int TwinAttempt);

    public async Task<CertificateTask> ReadAsync(Assignment owner, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var row = await connection.QuerySingleAsync<Row>(new(
            """
            select c.id, c.run_id, c.attempt, c.kind, c.sha256, c.pairs, c.twin_run,
                coalesce((select max(t.attempt) from checkpoints t where t.run_id = c.twin_run and t.kind = 'last'), 0) as twin_attempt
            from certificates c where c.item_id = @ItemId
            """, new { owner.ItemId }, cancellationToken: cancel));
        var twin = row.TwinRun is { } run ? new CheckpointFile(run, row.TwinAttempt, "last") : null;
        return new(row.Id, new(row.RunId, row.Attempt, row.Kind), row.Sha256, row.Pairs, twin);
    }

    /// <summary>The file turned out to be another than at the request, because the run went on.</summary>
    /// <returns>False when there is a certificate of that one already.</returns>
    public async Task<bool> MadeOfAsync(Assignment owner, long? step, string sha256, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await CertificateRequests.LockAsync(connection, [owner.RunId], cancel);
        if (!await Leases.HoldAsync(connection, owner, cancel)) return true; // the fence says the rest
        var stored = await connection.ExecuteAsync(new(
            $"""
            update certificates c set step = coalesce(@step::bigint, step), sha256 = @sha256
            where item_id = @ItemId and not exists (
                select from certificates o join work_items i on i.id = o.item_id
                where o.id <> c.id and o.run_id = c.run_id and o.attempt = c.attempt and o.kind = c.kind and o.sha256 = @sha256
                  and o.pairs = c.pairs and o.twin_run is not distinct from c.twin_run and {CertificateRequests.Counts})
            """, new { owner.ItemId, step, sha256 }, cancellationToken: cancel));
        await transaction.CommitAsync(cancel);
        return stored > 0;
    }

    /// <param name="result">As the trainer printed it, JSON.</param>
    public async Task<bool> StoreAsync(Assignment owner, string result, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (!await Leases.HoldAsync(connection, owner, cancel)) return false;
        await connection.ExecuteAsync(new(
            "update certificates set result = @result::jsonb where item_id = @ItemId", new { owner.ItemId, result },
            cancellationToken: cancel));
        await transaction.CommitAsync(cancel);
        return true;
    }
}
