using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Certificates;

/// <summary>How a certificate is read.</summary>
internal static class CertificateRows
{
    // One that the server made of its own accord has no name of who asked.
    private const string Select =
        """
        select c.id, c.item_id, c.run_id, c.attempt, c.kind, c.step, c.sha256, c.pairs, c.twin_run, i.state, i.worker, i.created_at,
            case when i.automatic then 'automatic' else i.created_by end as created_by, i.started_at, i.finished_at, i.reason,
            c.result::text as result
        from certificates c join work_items i on i.id = c.item_id
        """;

    private sealed record Row(
        Guid Id, long ItemId, long RunId, int Attempt, string Kind, long Step, string Sha256, int Pairs, long? TwinRun, string State,
            string? Worker,
        DateTimeOffset CreatedAt, string CreatedBy, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt, string? Reason, string? Result);

    /// <summary>The certificate that was asked for last.</summary>
    public static async Task<CertificateView?> LatestAsync(
        NpgsqlConnection connection, WaitingItems waiting, DateTimeOffset now, long runId, CancellationToken cancel) => await ViewAsync(
        await connection.QueryFirstOrDefaultAsync<Row>(new(
            $"{Select} where c.run_id = @runId order by c.asked_at desc, c.id limit 1", new { runId }, cancellationToken: cancel)),
        waiting, now, cancel);

    public static async Task<CertificateView?> FindAsync(
        NpgsqlConnection connection, WaitingItems waiting, DateTimeOffset now, Guid id, CancellationToken cancel) => await ViewAsync(
        await connection.QueryFirstOrDefaultAsync<Row>(new($"{Select} where c.id = @id", new { id }, cancellationToken: cancel)),
        waiting, now, cancel);

    // Of one that waits with why it does; one that has been taken meanwhile has no reason.
    private static async Task<CertificateView?> ViewAsync(Row? row, WaitingItems waiting, DateTimeOffset now, CancellationToken cancel)
    {
        if (row is null || View(row) is not { State: RunState.Queued } view) return row is null ? null : View(row);
        var snapshot = await waiting.ReadAsync([row.RunId], queue: null, most: 1, cancel, WorkKind.Certificate);
        return snapshot.Items.FirstOrDefault(item => item.ItemId == row.ItemId) is { } item
            ? view with { Reason = snapshot.Why(item, now).Words }
            : view;
    }

    private static CertificateView View(Row row) => new()
    {
        Id = row.Id,
        RunId = row.RunId,
        Attempt = row.Attempt,
        Checkpoint = row.Kind,
        Step = row.Step,
        Sha256 = row.Sha256,
        Pairs = row.Pairs,
        Twin = row.TwinRun,
        State = Enum.Parse<RunState>(row.State),
        Worker = row.Worker,
        RequestedAt = row.CreatedAt,
        RequestedBy = row.CreatedBy,
        StartedAt = row.StartedAt,
        FinishedAt = row.FinishedAt,
        Reason = row.Reason,
        Result = CertificateResults.Read(row.Result),
    };

    /// <summary>Of each of the runs in @ids: the newest certificate that is done, else the one that was asked for last.</summary>
    public const string MarksOf =
        """
        select distinct on (c.run_id) c.run_id, i.state, c.result->>'verdict' as verdict
        from certificates c join work_items i on i.id = c.item_id
        where c.run_id = any(@ids) order by c.run_id, i.state = 'Succeeded' desc, c.asked_at desc
        """;

    /// <summary>A row of <see cref="MarksOf"/>.</summary>
    public sealed record MarkRow(long RunId, string State, string? Verdict)
    {
        public CertificateMark View() => new(
            Enum.Parse<RunState>(State),
            Enum.TryParse<Verdict>(Verdict?.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out var verdict)
                ? verdict
                : null);
    }
}
