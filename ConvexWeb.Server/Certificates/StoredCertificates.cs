using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Leasing;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Certificates;

/// <summary>What pages and API do with certificates.</summary>
internal sealed class StoredCertificates(
    NpgsqlDataSource database, IWorkQueue queue, WaitingItems waiting, ItemRequests items, Caller caller, Once once,
    AuditTrail trail, TimeProvider time) : ICertificates
{
    private const int MostTwins = 50;

    public async Task<CertificateView?> RequestAsync(long runId, CertificateRequest request, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var connection = await database.OpenConnectionAsync(cancel);
        if (await CertificateRequests.CheckAsync(connection, runId, request, cancel) is not { } requested) return null;

        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await once.FindAsync<Made>(connection, cancel) is { } before)
            return await CertificateRows.FindAsync(connection, waiting, time.GetUtcNow(), before.Id, cancel);
        var stored = await CertificateRequests.StoreAsync(connection, requested, caller.Name, Priority.Normal, cancel);
        if (stored.IsAskers && await WaitingLimit.ProblemAsync(connection, caller.Name, added: 1, cancel) is { } problem)
            throw new InvalidInputException("", problem);
        await once.RememberAsync(connection, new Made(stored.Id), cancel);
        await RunChanges.NotifyAsync(connection, [runId], cancel);
        if (stored.TakenFrom is { } owner)
        {
            var note = new AuditNote(AuditAction.RunOfAnother, $"certificate {runId} of {owner}", "asked for");
            await trail.WriteAsync(connection, caller.Actor, [note], cancel);
        }
        await transaction.CommitAsync(cancel);
        if (stored.IsAskers) await queue.AnnounceAsync(cancel);
        return await CertificateRows.FindAsync(connection, waiting, time.GetUtcNow(), stored.Id, cancel);
    }

    private sealed record Made(Guid Id);

    public async Task<CertificateView?> LatestAsync(long runId, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await CertificateRows.LatestAsync(connection, waiting, time.GetUtcNow(), runId, cancel);
    }

    public async Task<ActionResult> CancelAsync(long runId, CancellationToken cancel = default)
    {
        var asker = Asker.Of(caller);
        await using var connection = await database.OpenConnectionAsync(cancel);
        var item = await connection.ExecuteScalarAsync<long?>(new(
            """
            select c.item_id from certificates c join work_items i on i.id = c.item_id
            where c.run_id = @runId
            order by i.state in ('Queued', 'Running', 'Paused') desc, i.created_by = @Name and not i.automatic desc, c.asked_at desc, c.id
            limit 1
            """, new { runId, asker.Name }, cancellationToken: cancel));
        if (item is null || await items.AskAsync(ItemAction.Cancel, item.Value, asker, cancel) is not { } asked)
            return new(Found: false, Done: false, "There is no certificate of this run.");
        var refusal = ItemRequests.Refusal(asked, ItemAction.Cancel, "certificate");
        return new(Found: true, Done: refusal is null, refusal, Denied: !asked.Allowed);
    }

    public async Task<CertificateChoices?> ChoicesAsync(long runId, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.ExecuteScalarAsync<string?>(
            new("select spec::text from runs where id = @runId", new { runId }, cancellationToken: cancel)) is { } spec
            ? new(CertificateCost.Pairs(spec), await CertificateRequests.TwinsAsync(connection, runId, MostTwins, cancel))
            : null;
    }
}
