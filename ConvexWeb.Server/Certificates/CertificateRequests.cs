using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Certificates;

/// <summary>What is asked for, after everything about it was found right.</summary>
internal sealed record Requested(long RunId, int Attempt, string Kind, long Step, string Sha256, int Pairs, long? Twin);

/// <summary>Checks requests against what is stored, and stores them.</summary>
internal static class CertificateRequests
{
    public const int FewestPairs = 10;
    public const int MostPairs = 20_000;

    /// <summary>Whether the certificate of item <c>i</c> is one that the same request gets again.</summary>
    public const string Counts = "i.state not in ('Failed', 'Cancelled') and i.wish is distinct from 'cancel'";

    private sealed record Run(string Model, string Dataset, string Spec);

    private sealed record Checkpoint(int Attempt, long Step, string Sha256);

    /// <returns>Null when there is no such run.</returns>
    /// <exception cref="InvalidInputException">Something is wrong with the request.</exception>
    public static async Task<Requested?> CheckAsync(
        NpgsqlConnection connection, long runId, CertificateRequest request, CancellationToken cancel)
    {
        if (await connection.QuerySingleOrDefaultAsync<Run>(new(
                "select model, dataset, spec::text as spec from runs where id = @runId", new { runId },
                cancellationToken: cancel)) is not { } run)
        {
            return null;
        }
        var problems = new List<FieldProblem>();
        Checkpoint? checkpoint = null;
        if (request.Checkpoint is not ("last" or "best"))
            problems.Add(new("checkpoint", $"checkpoint must be last or best; got '{Text.Short(request.Checkpoint)}'."));
        else if ((checkpoint = await CheckpointAsync(connection, runId, request.Checkpoint, cancel)) is null)
            problems.Add(new("checkpoint", $"checkpoint '{request.Checkpoint}' is not there: run {runId} has not written it."));
        if (request.Pairs is < FewestPairs or > MostPairs)
            problems.Add(new("pairs", $"pairs must be from {FewestPairs} to {MostPairs}; got {request.Pairs}."));
        if (request.Twin is { } twin && await TwinProblemAsync(connection, runId, run, twin, cancel) is { } problem)
            problems.Add(new("twin", problem));
        return problems.Count > 0 || checkpoint is null
            ? throw new InvalidInputException(problems)
            : new(
                runId, checkpoint.Attempt, request.Checkpoint, checkpoint.Step, checkpoint.Sha256,
                request.Pairs ?? CertificateCost.Pairs(run.Spec), request.Twin);
    }

    /// <summary>Runs that may be this run's control, those that resemble it most first.</summary>
    public static async Task<IReadOnlyList<TwinView>> TwinsAsync(
        NpgsqlConnection connection, long runId, int most, CancellationToken cancel) =>
    [
        .. await connection.QueryAsync<TwinView>(new(
            $"""
            select t.id as run_id, t.name, t.seed, s.name as study
            from runs r join runs t on t.id <> r.id and {IsTwin} join studies s on s.id = t.study_id
            where r.id = @runId
            order by t.study_id <> r.study_id, (t.spec->'model')::jsonb <> (r.spec->'model')::jsonb,
                t.labels <> r.labels, t.seed <> r.seed, t.id desc limit @most
            """, new { runId, most }, cancellationToken: cancel)),
    ];

    /// <param name="IsAskers">It is new, or has become the asker's: so it counts among what the asker has waiting.</param>
    /// <param name="TakenFrom">Whose it was of its own accord until now; null where nothing changed hands.</param>
    public sealed record Stored(Guid Id, bool IsNew, bool IsAskers, string? TakenFrom);

    private sealed record Known(Guid Id, long ItemId, bool Automatic, string CreatedBy);

    /// <summary>
    /// Stores the request as a work item; or finds the same, which waits, is being made or is done. In the caller's transaction. One that
    /// waits and was not asked for by a person is the asker's from now on, with the asker's priority and share.
    /// </summary>
    public static async Task<Stored> StoreAsync(
        NpgsqlConnection connection, Requested requested, string by, Priority priority, CancellationToken cancel)
    {
        await LockAsync(connection, [requested.RunId], cancel);
        var values = new
        {
            requested.RunId,
            requested.Attempt,
            requested.Kind,
            requested.Step,
            requested.Sha256,
            requested.Pairs,
            requested.Twin,
        };
        if (await connection.QuerySingleOrDefaultAsync<Known>(new(
                $"""
                with one as (
                    -- Two may count: one that was to be cancelled and was done before its worker heard of it, and its successor.
                    select c.id from certificates c join work_items i on i.id = c.item_id
                    where c.run_id = @RunId and c.attempt = @Attempt and c.kind = @Kind and c.sha256 = @Sha256
                      and c.pairs = @Pairs and c.twin_run is not distinct from @Twin::bigint and {Counts}
                    order by i.state = 'Succeeded' desc, c.asked_at desc, c.id limit 1)
                update certificates c set asked_at = now() from work_items i, one
                where c.id = one.id and i.id = c.item_id
                returning c.id, c.item_id, i.automatic, i.created_by
                """, values, cancellationToken: cancel)) is { } known)
        {
            // The run's creator also takes one from who has asked for it and may be at his limit of running items.
            var hurried = await connection.ExecuteAsync(new(
                """
                update work_items i set priority = greatest(i.priority, @priority), created_by = @by, automatic = false
                where i.id = @ItemId and i.state = 'Queued' and (i.priority < @priority or i.created_by <> @by)
                  and (i.automatic or i.created_by = @by or exists (
                      select from work_items r where r.kind = 'run' and r.run_id = i.run_id and r.created_by = @by))
                """, new { known.ItemId, by, priority = (int)priority }, cancellationToken: cancel)) == 1;
            var isAskers = hurried && (known.Automatic || known.CreatedBy != by);
            return new(known.Id, IsNew: false, isAskers, isAskers && known.CreatedBy != by ? known.CreatedBy : null);
        }
        var id = (await InsertAsync(connection, [requested], by, priority, cancel)).Single();
        return new(id, IsNew: true, IsAskers: true, TakenFrom: null);
    }

    /// <summary>Adds items with their certificates, of a run each: one statement for any number.</summary>
    /// <param name="by">
    /// Who asked; null: the server made it of its own accord. Such an item counts as its run's creator's, whose work it is, for the share
    /// and the limit of running items; not for the limit of those that wait, since no user put it there (<c>work_items.automatic</c>).
    /// </param>
    /// <returns>The certificates' ids.</returns>
    public static Task<IEnumerable<Guid>> InsertAsync(
        NpgsqlConnection connection, IReadOnlyCollection<Requested> all, string? by, Priority priority, CancellationToken cancel)
        => connection.QueryAsync<Guid>(new(
            """
            with wanted as (
                select * from unnest(@runs, @attempts, @kinds, @steps, @hashes, @pairs, @twins)
                as w (run_id, attempt, kind, step, sha256, pairs, twin_run)),
            item as (
                insert into work_items (kind, run_id, study_id, created_by, automatic, priority, queue, memory_mb)
                select 'certificate', i.run_id, i.study_id, coalesce(@by::text, i.created_by), @by::text is null, @priority, i.queue,
                    i.memory_mb
                from wanted w join work_items i on i.run_id = w.run_id and i.kind = 'run'
                returning id, run_id)
            insert into certificates (item_id, run_id, attempt, kind, step, sha256, pairs, twin_run)
            select item.id, w.run_id, w.attempt, w.kind, w.step, w.sha256, w.pairs, w.twin_run
            from item join wanted w on w.run_id = item.run_id returning id
            """,
            new
            {
                by,
                priority = (int)priority,
                runs = all.Select(one => one.RunId).ToArray(),
                attempts = all.Select(one => one.Attempt).ToArray(),
                kinds = all.Select(one => one.Kind).ToArray(),
                steps = all.Select(one => one.Step).ToArray(),
                hashes = all.Select(one => one.Sha256).ToArray(),
                pairs = all.Select(one => one.Pairs).ToArray(),
                twins = all.Select(one => one.Twin).ToArray(),
            },
            cancellationToken: cancel));

    /// <summary>Until the end of the transaction: of two that ask for the same at once, the second finds the first's.</summary>
    public static Task LockAsync(NpgsqlConnection connection, long[] runIds, CancellationToken cancel) => connection.ExecuteAsync(new(
        "select pg_advisory_xact_lock(1130721908, hashint8(id)) from unnest(@runIds) as id order by id", new { runIds },
        cancellationToken: cancel)); // "Cert"

    private const string IsTwin =
        """
        t.model = r.model and t.dataset = r.dataset and t.convexity = 'none'
        and exists (select from checkpoints c where c.run_id = t.id and c.kind = 'last')
        """;

    private static Task<Checkpoint?> CheckpointAsync(NpgsqlConnection connection, long runId, string kind, CancellationToken cancel)
        => connection.QueryFirstOrDefaultAsync<Checkpoint>(new(
            "select attempt, step, sha256 from checkpoints where run_id = @runId and kind = @kind order by attempt desc limit 1",
            new { runId, kind }, cancellationToken: cancel));

    private static async Task<string?> TwinProblemAsync(
        NpgsqlConnection connection, long runId, Run run, long twin, CancellationToken cancel)
        => await connection.ExecuteScalarAsync<bool>(new(
            $"select exists (select from runs t, runs r where r.id = @runId and t.id = @twin and t.id <> r.id and {IsTwin})",
            new { runId, twin }, cancellationToken: cancel))
            ? null
            : $"twin must be another run of {run.Model} on {run.Dataset} without a convexity constraint "
                + $"that has written its last checkpoint; run {twin} is not.";
}
