using ConvexWeb.Client.Contracts;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>
/// Who owns a run. <c>runs.attempt</c> names the only attempt whose writes are taken; it changes here and nowhere else, under a lock on the
/// run's row. A lease that ran out only allows others to take the run; until one does, its owner may come back and go on.
/// </summary>
public sealed class Leases(NpgsqlDataSource database, WorkerSettings settings)
{
    /// <summary>A run whose trainer dies this often in a row, without a new checkpoint in between, has failed.</summary>
    public const int MostDeaths = 5;

    /// <summary>Whether nobody holds a lease on run <c>r</c>.</summary>
    public const string Unowned =
        """
        not exists (
            select from attempts a
            where a.run_id = r.id and a.number = r.attempt and a.ended_at is null and a.lease_until > now())
        """;

    private sealed record Row(Guid Database, string State, int Attempt, bool CancelRequested, string Spec, int Seed);

    /// <summary>
    /// Puts running runs that nobody owns back into the queue. Whoever claims one in this moment has raised the attempt, and nothing
    /// happens here.
    /// </summary>
    /// <param name="condition">Which of them, in SQL over runs <c>r</c>.</param>
    public static string Release(string condition) =>
        $"""
        with released as (
            update runs r set state = 'Queued' where {condition} and state = 'Running' and {Unowned} returning id),
        closed as (update attempts set ended_at = now(), outcome = 'lost' from released where run_id = id and ended_at is null)
        select pg_notify('{RunChanges.Rows}', id::text)::text from released
        """;

    /// <summary>Takes the run that is next (<see cref="ClaimOrder"/>) of these groups; null when none waits.</summary>
    public async Task<Assignment?> ClaimAsync(IReadOnlyList<string> groups, CancellationToken cancel = default)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);

        // One round trip, so that a node that freezes cannot hold the queue's lock. Until its trainer says where it resumes, the new
        // attempt supersedes nothing that is stored. Dying before the commit changes nothing; dying after it leaves a running run with a
        // lease that nobody renews.
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new(ClaimOrder.Lock));
        batch.BatchCommands.Add(new(
            $"""
            with next as ({ClaimOrder.Next}),
            run as (
                update runs q set state = 'Running', attempt = attempt + 1, started_at = coalesce(started_at, now()), finished_at = null,
                    reason = null
                from next where q.id = next.id and {ClaimOrder.IsWaiting} returning q.id, q.attempt, q.step, q.spec::text as spec, q.seed),
            attempt as (
                insert into attempts (run_id, number, worker, lease_until)
                select id, attempt, $2, clock_timestamp() + $3 from run)
            select d.id, run.id, run.attempt, run.spec, run.seed, pg_notify('{RunChanges.Rows}', run.id::text)::text
            from run cross join this_database d
            """)
        {
            Parameters = { new() { Value = groups.ToArray() }, new() { Value = settings.Name }, new() { Value = settings.Lease } },
        });
        await using var reader = await batch.ExecuteReaderAsync(cancel);
        await reader.NextResultAsync(cancel);
        return await reader.ReadAsync(cancel)
            ? new(reader.GetGuid(0), reader.GetInt64(1), reader.GetInt32(2), reader.GetString(3), reader.GetInt32(4))
            : null;
    }

    /// <summary>How many runs a worker of this name, of an earlier life perhaps, still has a lease on.</summary>
    public async Task<long> LeftBehindAsync(CancellationToken cancel = default)
    {
        await using var command = database.CreateCommand(
            """
            select count(*) from runs r join attempts a on a.run_id = r.id and a.number = r.attempt
            where r.state = 'Running' and a.ended_at is null and a.worker = $1 and a.lease_until > now()
            """);
        Add(command, settings.Name);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>Queues again what a worker of this name left and whose lease is over.</summary>
    /// <returns>How many they are.</returns>
    public async Task<int> TakeBackAsync(CancellationToken cancel = default)
    {
        const string mine = "exists (select from attempts o where o.run_id = r.id and o.number = r.attempt and o.worker = $1)";
        await using var command = database.CreateCommand(Release($"cancel_requested_at is null and {mine}"));
        Add(command, settings.Name);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var count = 0;
        while (await reader.ReadAsync(cancel)) count++;
        return count;
    }

    /// <summary>
    /// A new attempt of the owner himself, after his trainer died. Null: the run was taken from him, cancelled, or has failed for good.
    /// </summary>
    public async Task<Assignment?> RetryAsync(Assignment owner, string reason, CancellationToken cancel = default)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await LockAsync(connection, owner.RunId, cancel) is not { State: nameof(RunState.Running) } row || row.Attempt != owner.Attempt)
            return null;

        var deaths = await DeathsAsync(connection, owner, cancel) + 1;
        if (row.CancelRequested || deaths >= MostDeaths)
        {
            var (state, outcome) = row.CancelRequested ? (RunState.Cancelled, Outcome.Cancelled) : (RunState.Failed, Outcome.Died);
            var words = row.CancelRequested ? null : $"The trainer died {deaths} times without a new checkpoint. {reason}";
            await EndAsync(connection, owner, state, outcome, words, cancel);
            await transaction.CommitAsync(cancel);
            return null;
        }
        var next = await BeginAsync(connection, owner.RunId, row, Outcome.Died, cancel);
        await transaction.CommitAsync(cancel);
        return next;
    }

    /// <returns>Null when the run is no longer the caller's; otherwise whether somebody wants it cancelled.</returns>
    public async Task<bool?> RenewAsync(Assignment owner, CancellationToken cancel = default)
    {
        await using var command = database.CreateCommand(
            """
            update attempts a set lease_until = clock_timestamp() + $3 from runs r
            where a.run_id = $1 and a.number = $2 and a.ended_at is null
              and r.id = a.run_id and r.attempt = a.number and r.state = 'Running'
            returning r.cancel_requested_at is not null
            """);
        Add(command, owner.RunId, owner.Attempt, settings.Lease);
        return await command.ExecuteScalarAsync(cancel) as bool?;
    }

    /// <summary>
    /// Ends the attempt and with it the run, or hands the run back (<see cref="RunState.Queued"/>), which a run
    /// that somebody cancelled does not go through.
    /// </summary>
    /// <returns>The state that the run has now; null when it was not the caller's to end.</returns>
    public async Task<RunState?> EndAsync(
        Assignment owner, RunState state, string outcome, string? reason, CancellationToken cancel = default)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await EndAsync(connection, owner, state, outcome, reason, cancel);
    }

    private static async Task<RunState?> EndAsync(
        NpgsqlConnection connection, Assignment owner, RunState state, string outcome, string? reason, CancellationToken cancel)
    {
        // One statement: run and attempt end together or not at all. If we die before it, the lease runs out and the next attempt finds
        // in the journal what this one had reached.
        await using var command = new NpgsqlCommand(
            """
            with ended as (
                update runs set
                    state = case when $3 = 'Queued' and cancel_requested_at is not null then 'Cancelled' else $3 end,
                    finished_at = case when $3 = 'Queued' and cancel_requested_at is null then null else now() end,
                    reason = $5
                where id = $1 and attempt = $2 and state = 'Running' returning id, state),
            closed as (
                update attempts set ended_at = now(), outcome = case when ended.state = 'Cancelled' then 'cancelled' else $4 end
                from ended where run_id = ended.id and number = $2)
            select state, pg_notify($6, id::text)::text from ended
            """, connection);
        Add(command, owner.RunId, owner.Attempt, state.ToString(), outcome, (object?)reason ?? DBNull.Value, RunChanges.Rows);
        command.Parameters[4].NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text;
        return await command.ExecuteScalarAsync(cancel) is string ended ? Enum.Parse<RunState>(ended) : null;
    }

    private static async Task<Row?> LockAsync(NpgsqlConnection connection, long runId, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            """
            select d.id, r.state, r.attempt, r.cancel_requested_at is not null, r.spec::text, r.seed
            from runs r, this_database d where r.id = $1 for update of r
            """, connection);
        Add(command, runId);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel)
            ? new(reader.GetGuid(0), reader.GetString(1), reader.GetInt32(2), reader.GetBoolean(3), reader.GetString(4), reader.GetInt32(5))
            : null;
    }

    private async Task<Assignment> BeginAsync(NpgsqlConnection connection, long runId, Row row, string outcome, CancellationToken cancel)
    {
        // Until its trainer says where it resumes, the new attempt supersedes nothing that is stored.
        await using var command = new NpgsqlCommand(
            """
            with closed as (update attempts set ended_at = now(), outcome = $3 where run_id = $1 and ended_at is null),
            run as (
                update runs set state = 'Running', attempt = $2, started_at = coalesce(started_at, now()), finished_at = null, reason = null
                where id = $1 returning id, step)
            insert into attempts (run_id, number, worker, lease_until)
            select id, $2, $4, clock_timestamp() + $5 from run
            returning pg_notify($6, run_id::text)::text
            """, connection);
        Add(command, runId, row.Attempt + 1, outcome, settings.Name, settings.Lease, RunChanges.Rows);
        await command.ExecuteNonQueryAsync(cancel);
        return new(row.Database, runId, row.Attempt + 1, row.Spec, row.Seed);
    }

    // An attempt that wrote a checkpoint got further, however it ended.
    private static async Task<long> DeathsAsync(NpgsqlConnection connection, Assignment owner, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            """
            select count(*) from attempts where run_id = $1 and number < $2 and outcome = 'died'
              and number > coalesce((select max(attempt) from checkpoints where run_id = $1 and kind = 'last'), 0)
            """, connection);
        Add(command, owner.RunId, owner.Attempt);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    private static void Add(NpgsqlCommand command, params object[] values)
    {
        foreach (var value in values) command.Parameters.Add(new() { Value = value });
    }
}
