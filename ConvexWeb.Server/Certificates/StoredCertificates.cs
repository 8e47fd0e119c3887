using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Leasing;
using Npgsql;

namespace ConvexWeb.Server.Certificates;

/// <summary>What pages and API do with certificates.</summary>
internal sealed class StoredCertificates(NpgsqlDataSource database, IWorkQueue queue, Caller caller) : ICertificates
{
    private const int MostTwins = 50;

    public async Task<CertificateView?> RequestAsync(long runId, CertificateRequest request, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var connection = await database.OpenConnectionAsync(cancel);
        if (await CertificateRequests.CheckAsync(connection, runId, request, cancel) is not { } requested) return null;

        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var (id, isNew) = await CertificateRequests.StoreAsync(connection, requested, caller.Name, cancel);
        await RunChanges.NotifyAsync(connection, [runId], cancel);
        await transaction.CommitAsync(cancel);
        if (isNew) await queue.AnnounceAsync(cancel);
        return await CertificateRows.FindAsync(connection, id, cancel);
    }

    public async Task<CertificateView?> LatestAsync(long runId, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await CertificateRows.LatestAsync(connection, runId, cancel);
    }

    public async Task<ActionResult> CancelAsync(long runId, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (!await CertificateRequests.CancelAsync(connection, runId, caller.Name, cancel))
        {
            var known = await CertificateRows.LatestAsync(connection, runId, cancel);
            return new(Found: known is not null, Done: false, known is null
                ? "There is no certificate of this run."
                : $"The certificate is {known.State.ToString().ToLowerInvariant()} already.");
        }
        await RunChanges.NotifyAsync(connection, [runId], cancel);
        await transaction.CommitAsync(cancel);
        return new(Found: true, Done: true, null);
    }

    public async Task<CertificateChoices?> ChoicesAsync(long runId, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var find = new NpgsqlCommand("select spec::text from runs where id = $1", connection)
        {
            Parameters = { new() { Value = runId } },
        };
        return await find.ExecuteScalarAsync(cancel) is string spec
            ? new(CertificateCost.Pairs(spec), await CertificateRequests.TwinsAsync(connection, runId, MostTwins, cancel))
            : null;
    }
}
