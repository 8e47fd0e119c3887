using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Leasing;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>What people do with runs that are there, one or many at once.</summary>
public sealed class RunActions(NpgsqlDataSource database, ItemRequests items, IWorkQueue queue)
{
    private static readonly ActionResult Unknown = new(Found: false, Done: false, "There is no such run.");

    public async Task<ActionResult> ActAsync(ItemAction action, long id, Asker asker, CancellationToken cancel)
    {
        if ((await items.AskRunsAsync(action, [id], asker, cancel)).SingleOrDefault() is not { } asked) return Unknown;
        if (ItemRequests.Refusal(asked, action, "run") is { } refusal)
            return new(Found: true, Done: false, refusal, Denied: !asked.Allowed);
        if (asked.Now == RunState.Queued) await queue.AnnounceAsync(cancel);
        return new(Found: true, Done: true, (action, asked.Now) switch
        {
            (ItemAction.Cancel, RunState.Running) => "The run is asked to stop.",
            (ItemAction.Cancel, _) => "The run is cancelled.",
            (ItemAction.Pause, RunState.Running) => "The run is asked to stop with a checkpoint.",
            (ItemAction.Pause, _) => "The run is paused.",
            (ItemAction.Resume, RunState.Running) => "The run goes on.",
            _ => "The run waits for a slot.",
        });
    }

    public async Task<BulkResult> ActAsync(ItemAction action, IReadOnlyCollection<long> ids, Asker asker, CancellationToken cancel)
    {
        var asked = await items.AskRunsAsync(action, ids, asker, cancel);
        if (asked.Any(item => item.Now == RunState.Queued)) await queue.AnnounceAsync(cancel);
        return Bulk(ids, asked, item => ItemRequests.Refusal(item, action, "run"));
    }

    /// <summary>Of running ones the priority counts when they wait again.</summary>
    public async Task<BulkResult> PrioritiseAsync(
        Priority priority, IReadOnlyCollection<long> ids, Asker asker, CancellationToken cancel)
    {
        if (priority == Priority.Urgent && !asker.IsAdmin)
            throw new AccessDeniedException("The priority urgent is for administrators.");
        var asked = await items.PrioritiseAsync(priority, ids, asker, cancel);
        return Bulk(ids, asked, item => ItemRequests.Refusal(item, "prioritise", "run"));
    }

    /// <summary>
    /// The same spec and seed as a new run of the asker's: in the same study when that is the asker's too, and else in a new one, because
    /// a stranger's run would count among the seeds there, and in the study's limit.
    /// </summary>
    public async Task<ActionResult> RerunAsync(long id, string createdBy, Once once, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await once.FindAsync<ActionResult>(connection, cancel) is { } before) return before;
        if (await connection.ExecuteScalarAsync<long?>(new(
                """
                with copy as (
                    insert into studies (name, created_by)
                    select left(s.name || ' (again)', 200), @createdBy
                    from runs r join studies s on s.id = r.study_id where r.id = @id and s.created_by <> @createdBy returning id),
                run as (
                    insert into runs (study_id, name, seed, spec, group_key, model, convexity, dataset, labels, parameters, epochs,
                        steps_per_epoch, total_steps, rerun_of)
                    select coalesce((select id from copy), study_id), name, seed, spec, group_key, model, convexity, dataset, labels,
                    parameters, epochs, steps_per_epoch,
                        total_steps, id
                    from runs where id = @id returning id, study_id)
                insert into work_items (kind, run_id, study_id, created_by, priority, queue, memory_mb)
                select 'run', run.id, run.study_id, @createdBy, least(old.priority, 4), old.queue, old.memory_mb
                from run join work_items old on old.run_id = @id and old.kind = 'run' returning run_id
                """, new { id, createdBy }, cancellationToken: cancel)) is not { } run)
        {
            return Unknown;
        }
        if (await WaitingLimit.ProblemAsync(connection, createdBy, added: 1, cancel) is { } problem)
            return new(Found: true, Done: false, problem);
        var result = new ActionResult(Found: true, Done: true, null, run);
        await once.RememberAsync(connection, result, cancel);
        await RunChanges.NotifyAsync(connection, [run], cancel);
        await transaction.CommitAsync(cancel);
        await queue.AnnounceAsync(cancel);
        return result;
    }

    private static BulkResult Bulk(
        IReadOnlyCollection<long> ids, IReadOnlyList<AskedItem> asked, Func<AskedItem, string?> refusal)
    {
        var found = asked.Select(item => item.RunId).ToHashSet();
        return new(
            asked.Count(item => item.Now is not null),
            [
                .. asked.Where(item => item.Now is null).Select(item => new RefusedAction(item.RunId, refusal(item)!)),
                .. ids.Distinct().Where(id => !found.Contains(id)).Select(id => new RefusedAction(id, "There is no such run.")),
            ]);
    }
}
