using ConvexWeb.Client.Contracts;
using Npgsql;

namespace ConvexWeb.Server.Certificates;

/// <summary>How a certificate's row is read.</summary>
internal static class CertificateRows
{
    private const string Columns =
        """
        id, run_id, attempt, kind, step, sha256, pairs, twin_run, state, worker,
        requested_at, requested_by, started_at, finished_at, error, result::text
        """;

    /// <summary>The certificate that somebody asked for last.</summary>
    public static async Task<CertificateView?> LatestAsync(NpgsqlConnection connection, long runId, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            $"select {Columns} from certificates where run_id = $1 order by asked_at desc, id limit 1", connection);
        command.Parameters.Add(new() { Value = runId });
        return await ReadAsync(command, cancel);
    }

    public static async Task<CertificateView?> FindAsync(NpgsqlConnection connection, Guid id, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"select {Columns} from certificates where id = $1", connection);
        command.Parameters.Add(new() { Value = id });
        return await ReadAsync(command, cancel);
    }

    private static async Task<CertificateView?> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        await using var reader = await command.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel)) return null;
        return new()
        {
            Id = reader.GetGuid(0),
            RunId = reader.GetInt64(1),
            Attempt = reader.GetInt32(2),
            Checkpoint = reader.GetString(3),
            Step = reader.GetInt64(4),
            Sha256 = reader.GetString(5),
            Pairs = reader.GetInt32(6),
            Twin = await ValueAsync<long>(7),
            State = State(reader.GetString(8)),
            Worker = await TextAsync(9),
            RequestedAt = reader.GetFieldValue<DateTimeOffset>(10),
            RequestedBy = reader.GetString(11),
            StartedAt = await ValueAsync<DateTimeOffset>(12),
            FinishedAt = await ValueAsync<DateTimeOffset>(13),
            Error = await TextAsync(14),
            Result = CertificateResults.Read(await TextAsync(15)),
        };

        async Task<T?> ValueAsync<T>(int column) where T : struct
            => await reader.IsDBNullAsync(column, cancel) ? null : reader.GetFieldValue<T>(column);

        async Task<string?> TextAsync(int column) => await reader.IsDBNullAsync(column, cancel) ? null : reader.GetString(column);
    }

    /// <summary>Of run $1: the newest certificate that is done, else the one that was asked for last. Read by <see cref="Mark"/>.</summary>
    public const string MarkOf =
        """
        select state, result->>'verdict' from certificates
        where run_id = $1 order by state = 'done' desc, asked_at desc limit 1
        """;

    public static CertificateMark Mark(NpgsqlDataReader reader)
    {
        var state = State(reader.GetString(0));
        var word = reader.IsDBNull(1) ? null : reader.GetString(1).Replace("_", "", StringComparison.Ordinal);
        return new(state, Enum.TryParse<Verdict>(word, ignoreCase: true, out var verdict) ? verdict : null);
    }

    private static CertificateState State(string stored) => Enum.Parse<CertificateState>(stored, ignoreCase: true);
}
