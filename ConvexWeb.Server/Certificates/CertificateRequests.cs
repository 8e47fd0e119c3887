using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Npgsql;

namespace ConvexWeb.Server.Certificates;

/// <summary>What is asked for, after everything about it was found right.</summary>
internal sealed record Requested(
    long RunId, string ExecutionGroup, int Attempt, string Kind, long Step, string Sha256, int Pairs, long? Twin);

/// <summary>Checks requests against what is stored, and stores them.</summary>
internal static class CertificateRequests
{
    public const int FewestPairs = 10;
    public const int MostPairs = 20_000;

    private sealed record Run(string ExecutionGroup, string Model, string Dataset, string Spec);

    /// <returns>Null when there is no such run.</returns>
    /// <exception cref="InvalidInputException">Something is wrong with the request.</exception>
    public static async Task<Requested?> CheckAsync(
        NpgsqlConnection connection, long runId, CertificateRequest request, CancellationToken cancel)
    {
        if (await RunAsync(connection, runId, cancel) is not { } run) return null;
        var problems = new List<FieldProblem>();
        (int Attempt, long Step, string Sha256)? checkpoint = null;
        if (request.Checkpoint is not ("last" or "best"))
            problems.Add(new("checkpoint", $"checkpoint must be last or best; got '{Text.Short(request.Checkpoint)}'."));
        else if ((checkpoint = await CheckpointAsync(connection, runId, request.Checkpoint, cancel)) is null)
            problems.Add(new("checkpoint", $"checkpoint '{request.Checkpoint}' is not there: run {runId} has not written it."));
        if (request.Pairs is < FewestPairs or > MostPairs)
            problems.Add(new("pairs", $"pairs must be from {FewestPairs} to {MostPairs}; got {request.Pairs}."));
        if (request.Twin is { } twin && await TwinProblemAsync(connection, runId, run, twin, cancel) is { } problem)
            problems.Add(new("twin", problem));
        return problems.Count > 0 || checkpoint is not { } found
            ? throw new InvalidInputException(problems)
            : new(
                runId, run.ExecutionGroup, found.Attempt, request.Checkpoint, found.Step, found.Sha256,
                request.Pairs ?? CertificateCost.Pairs(run.Spec), request.Twin);
    }

    /// <summary>Runs that may be this run's control, those that resemble it most first.</summary>
    public static async Task<IReadOnlyList<TwinView>> TwinsAsync(
        NpgsqlConnection connection, long runId, int most, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            $"""
            select t.id, t.name, t.seed, s.name from runs r join runs t on t.id <> r.id and {IsTwin} join studies s on s.id = t.study_id
            where r.id = $1
            order by t.study_id <> r.study_id, (t.spec->'model')::jsonb <> (r.spec->'model')::jsonb,
                t.labels <> r.labels, t.seed <> r.seed, t.id desc limit $2
            """, connection);
        Add(command, runId, most);
        var twins = new List<TwinView>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            twins.Add(new(reader.GetInt64(0), reader.GetString(1), reader.GetInt32(2), reader.GetString(3)));
        return twins;
    }

    /// <summary>Stores the request; or finds the same, which waits, is being made or is done.</summary>
    /// <returns>Its id, and whether it is new.</returns>
    public static async Task<(Guid Id, bool New)> StoreAsync(
        NpgsqlConnection connection, Requested requested, string by, CancellationToken cancel)
    {
        // The update is of the same row, so that of two that ask at once the second waits for the first and finds it.
        await using var command = new NpgsqlCommand(
            """
            insert into certificates (run_id, attempt, kind, step, sha256, pairs, twin_run, requested_by)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            on conflict (run_id, attempt, kind, sha256, pairs, coalesce(twin_run, 0)) where state <> 'failed' do update set asked_at = now()
            returning id, xmax = 0
            """, connection);
        Add(
            command, requested.RunId, requested.Attempt, requested.Kind, requested.Step, requested.Sha256, requested.Pairs,
            (object?)requested.Twin ?? DBNull.Value, by);
        command.Parameters[6].NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return (reader.GetGuid(0), reader.GetBoolean(1));
    }

    /// <summary>
    /// Ends a run's newest certificate that is not done; a worker that makes it is told by its claim, which it then has lost.
    /// </summary>
    /// <returns>Whether there was one to end.</returns>
    public static async Task<bool> CancelAsync(NpgsqlConnection connection, long runId, string by, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            """
            with newest as (
                select id from certificates where run_id = $1 and state in ('queued', 'running')
                order by asked_at desc, id limit 1 for update)
            update certificates c set state = 'failed', claim = claim + 1, error = $2, finished_at = now()
            from newest where c.id = newest.id
            """, connection);
        Add(command, runId, $"It was cancelled by {by}.");
        return await command.ExecuteNonQueryAsync(cancel) > 0;
    }

    private const string IsTwin =
        """
        t.model = r.model and t.dataset = r.dataset and t.convexity = 'none'
        and exists (select from checkpoints c where c.run_id = t.id and c.kind = 'last')
        """;

    private static async Task<Run?> RunAsync(NpgsqlConnection connection, long runId, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            "select execution_group, model, dataset, spec::text from runs where id = $1", connection);
        Add(command, runId);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel)
            ? new(reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetString(3))
            : null;
    }

    private static async Task<(int, long, string)?> CheckpointAsync(
        NpgsqlConnection connection, long runId, string kind, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            "select attempt, step, sha256 from checkpoints where run_id = $1 and kind = $2 order by attempt desc limit 1", connection);
        Add(command, runId, kind);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? (reader.GetInt32(0), reader.GetInt64(1), reader.GetString(2)) : null;
    }

    private static async Task<string?> TwinProblemAsync(
        NpgsqlConnection connection, long runId, Run run, long twin, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            $"select 1 from runs t, runs r where r.id = $1 and t.id = $2 and t.id <> r.id and {IsTwin}", connection);
        Add(command, runId, twin);
        return await command.ExecuteScalarAsync(cancel) is null
            ? $"twin must be another run of {run.Model} on {run.Dataset} without a convexity constraint "
                + $"that has written its last checkpoint; run {twin} is not."
            : null;
    }

    private static void Add(NpgsqlCommand command, params object[] values)
    {
        foreach (var value in values) command.Parameters.Add(new() { Value = value });
    }
}
