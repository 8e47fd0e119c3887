using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using Npgsql;

namespace ConvexWeb.Server.Runs;

public sealed class RunActions(NpgsqlDataSource database, IWorkQueue queue)
{
    private static readonly ActionResult Unknown = new(Found: false, Done: false, "There is no such run.");

    /// <summary>
    /// The row says that the run is to stop: that holds whatever becomes of the message to its worker, who reads it with the next renewal
    /// of the lease at the latest.
    /// </summary>
    public async Task<ActionResult> CancelAsync(long id, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var update = new NpgsqlCommand(
            """
            update runs set
                cancel_requested_at = coalesce(cancel_requested_at, now()),
                state = case state when 'Queued' then 'Cancelled' else state end,
                finished_at = case state when 'Queued' then now() else finished_at end
            where id = $1 and state in ('Queued', 'Running') returning state
            """, connection, transaction)
        { Parameters = { new() { Value = id } } };
        var state = await update.ExecuteScalarAsync(cancel) as string;
        if (state is null) return await WhyNotAsync(connection, id, cancel);

        await RunChanges.NotifyAsync(connection, [id], cancel);
        if (state == nameof(RunState.Running)) await RunChanges.NotifyAsync(connection, [id], cancel, RunChanges.Cancel);
        await transaction.CommitAsync(cancel);
        return new(Found: true, Done: true, state == nameof(RunState.Running) ? "The run is asked to stop." : "The run is cancelled.");
    }

    public async Task<ActionResult> RerunAsync(long id, string createdBy, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var insert = new NpgsqlCommand(
            """
            insert into runs (study_id, name, seed, spec, group_key, priority, execution_group, model, convexity, dataset, labels,
                              parameters, epochs, steps_per_epoch, total_steps, rerun_of, created_by)
            select study_id, name, seed, spec, group_key, priority, execution_group, model, convexity, dataset, labels,
                   parameters, epochs, steps_per_epoch, total_steps, id, $2
            from runs where id = $1 returning id
            """, connection, transaction)
        { Parameters = { new() { Value = id }, new() { Value = createdBy } } };
        if (await insert.ExecuteScalarAsync(cancel) is not long run) return Unknown;
        await RunChanges.NotifyAsync(connection, [run], cancel);
        await transaction.CommitAsync(cancel);
        await queue.AnnounceAsync(cancel);
        return new(Found: true, Done: true, null, run);
    }

    private static async Task<ActionResult> WhyNotAsync(NpgsqlConnection connection, long id, CancellationToken cancel)
    {
        await using var find = new NpgsqlCommand("select state from runs where id = $1", connection)
        {
            Parameters = { new() { Value = id } },
        };
        return await find.ExecuteScalarAsync(cancel) is string state
            ? new(Found: true, Done: false, $"The run has ended already: {state}.")
            : Unknown;
    }
}
