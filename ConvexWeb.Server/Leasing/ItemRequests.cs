using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Persistence;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>Who asks. An item is its creator's, and what is about a run also the run's creator's; others may do nothing with it.</summary>
public sealed record Asker(string Name, bool IsAdmin, AuditActor Actor)
{
    public static Asker Of(Caller caller) => new(caller.Name, caller.IsAdmin, caller.Actor);
}

/// <summary>What became of a request for one item.</summary>
/// <param name="Before">The item's state when it was asked for.</param>
/// <param name="Now">Its state after it; null when nothing was changed.</param>
public sealed record AskedItem(long ItemId, long RunId, string CreatedBy, RunState Before, RunState? Now, bool Allowed)
{
    /// <summary>Why it was not done though it could be: the asker would have more items waiting than one user may.</summary>
    public string? Limit { get; init; }
}

/// <summary>
/// What people ask of items: the row says what is wished, so that it holds whatever becomes of the message to the worker, which reads it
/// with the next renewal of the lease at the latest. Any number of items is one statement.
/// </summary>
public sealed class ItemRequests(NpgsqlDataSource database, AuditTrail trail)
{
    private sealed record Row(
        long Id, string Kind, long RunId, string CreatedBy, string Before, string? Now, bool Allowed, string? Rows, string? Wishes);

    // What the action makes of an item, and of which items it makes it.
    private static (string Change, string When) Of(ItemAction action) => action switch
    {
        ItemAction.Cancel => (
            """
            state = case i.state when 'Running' then 'Running' else 'Cancelled' end,
            wish = case i.state when 'Running' then 'cancel' end,
            finished_at = case i.state when 'Running' then i.finished_at else clock_timestamp() end,
            not_before = null, reason = format('Cancelled by %s.', @Name), reason_code = null
            """, "a.state in ('Queued', 'Running', 'Paused')"),
        ItemAction.Pause => (
            """
            state = case i.state when 'Running' then 'Running' else 'Paused' end, wish = case i.state when 'Running' then 'pause' end,
            not_before = null, reason = format('Paused by %s.', @Name), reason_code = null
            """, "a.state in ('Queued', 'Running') and a.wish is distinct from 'cancel'"),
        ItemAction.Resume => (
            """
            state = case i.state when 'Running' then 'Running' else 'Queued' end, wish = null, reason = null, recovered = false,
            queued_at = clock_timestamp()
            """, "(a.state = 'Paused' or a.state = 'Running' and a.wish = 'pause')"),
        ItemAction.Requeue => (
            """
            state = 'Queued', wish = null, deaths = 0, tries_from = i.attempt + 1, recovered = false, finished_at = null, reason = null,
            reason_code = null, queued_at = clock_timestamp()
            """, "a.state in ('Failed', 'Cancelled')"),
        _ => throw new ArgumentOutOfRangeException(nameof(action), action, null),
    };

    /// <summary>
    /// Does it with every item that is the asker's to do it with and in a state for it; with none when more would wait then than may.
    /// </summary>
    public Task<IReadOnlyList<AskedItem>> AskRunsAsync(
        ItemAction action, IReadOnlyCollection<long> runIds, Asker asker, CancellationToken cancel)
    {
        var (change, when) = Of(action);
        return AskAsync("i.kind = 'run' and i.run_id = any(@ids)", change, when, runIds, asker, Verb(action), null, cancel);
    }

    /// <summary>As <see cref="AskRunsAsync"/>, for an item of any kind.</summary>
    public async Task<AskedItem?> AskAsync(ItemAction action, long itemId, Asker asker, CancellationToken cancel)
    {
        var (change, when) = Of(action);
        return (await AskAsync("i.id = any(@ids)", change, when, [itemId], asker, Verb(action), null, cancel)).SingleOrDefault();
    }

    /// <summary>Gives runs that have not ended another priority.</summary>
    public Task<IReadOnlyList<AskedItem>> PrioritiseAsync(
        Priority priority, IReadOnlyCollection<long> runIds, Asker asker, CancellationToken cancel) => AskAsync(
        "i.kind = 'run' and i.run_id = any(@ids)", "priority = @priority", "a.state in ('Queued', 'Running', 'Paused')", runIds, asker,
        $"priority {priority}", (int)priority, cancel);

    private async Task<IReadOnlyList<AskedItem>> AskAsync(
        string which, string change, string when, IReadOnlyCollection<long> ids, Asker asker, string verb, int? priority,
        CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var rows = (await connection.QueryAsync<Row>(new(
            $"""
            {Transactions.Short};
            with asked as (
                select i.id, i.kind, i.run_id, i.state, i.wish, i.created_by, @IsAdmin or i.created_by = @Name or exists (
                    select from work_items r where r.kind = 'run' and r.run_id = i.run_id and r.created_by = @Name) as allowed
                from work_items i where {which} order by i.id for update),
            changed as (
                update work_items i set {change} from asked a where i.id = a.id and a.allowed and {when}
                returning i.id, i.run_id, i.state, i.wish)
            select a.id, a.kind, a.run_id, a.created_by, a.state as before, c.state as now, a.allowed,
                case when c.id is not null then pg_notify('{RunChanges.Rows}', c.run_id::text)::text end as rows,
                case when c.wish is not null then pg_notify('{RunChanges.Wishes}', c.id::text)::text end as wishes
            from asked a left join changed c on c.id = a.id
            """,
            new { ids = ids.ToArray(), asker.Name, asker.IsAdmin, priority }, cancellationToken: cancel))).AsList();
        List<AskedItem> asked = [.. rows.Select(row => new AskedItem(
            row.Id, row.RunId, row.CreatedBy, Enum.Parse<RunState>(row.Before), row.Now is null ? null : Enum.Parse<RunState>(row.Now),
            row.Allowed))];

        // What an administrator queues again is somebody else's, as a rule.
        var added = asked.Count(item => item is { Before: RunState.Failed or RunState.Cancelled, Now: RunState.Queued });
        if (added > 0 && !asker.IsAdmin && await WaitingLimit.ProblemAsync(connection, asker.Name, added, cancel) is { } limit)
        {
            await transaction.RollbackAsync(cancel);
            return [.. asked.Select(item => item.Now is null ? item : item with { Now = null, Limit = limit })];
        }
        await trail.WriteAsync(
            connection, asker.Actor,
            [
                .. rows.Where(row => row.Now is not null && row.CreatedBy != asker.Name)
                    .Select(row => new AuditNote(AuditAction.RunOfAnother, $"{row.Kind} {row.RunId} of {row.CreatedBy}", verb)),
                .. Refusals([.. rows.Where(row => !row.Allowed)], verb),
            ], cancel);
        await transaction.CommitAsync(cancel);
        return asked;
    }

    // One note for all of them: a request may name hundreds.
    private static IEnumerable<AuditNote> Refusals(IReadOnlyList<Row> rows, string verb)
    {
        if (rows.Count == 0) yield break;
        var first = string.Join(", ", rows.Take(5).Select(row => $"{row.Kind} {row.RunId} of {row.CreatedBy}"));
        yield return new(AuditAction.Refused, rows.Count > 5 ? $"{first} and {rows.Count - 5} more" : first, verb);
    }

    /// <summary>Why a request was not granted, in one sentence; null for one that was.</summary>
    /// <param name="what">The item as the sentence has it, such as "run".</param>
    public static string? Refusal(AskedItem item, ItemAction action, string what) => item switch
    {
        { Limit: { } limit } => limit,
        { Now: null, Allowed: true, Before: RunState.Queued or RunState.Running or RunState.Paused } => action switch
        {
            ItemAction.Resume => $"The {what} is not paused: {item.Before}.",
            ItemAction.Requeue => $"The {what} has not ended: {item.Before}.",
            ItemAction.Pause when item.Before == RunState.Paused => $"The {what} is paused already.",
            _ => $"The {what} is being cancelled already.",
        },
        { Now: null, Allowed: true } when action == ItemAction.Requeue =>
            $"The {what} has succeeded: only one that failed or was cancelled is requeued.",
        _ => Refusal(item, Verb(action), what),
    };

    private static string Verb(ItemAction action) => action.ToString().ToLowerInvariant();

    /// <param name="verb">What was to be done with it.</param>
    public static string? Refusal(AskedItem item, string verb, string what) => item switch
    {
        { Now: not null } => null,
        { Allowed: false } => $"The {what} is {item.CreatedBy}'s: only {item.CreatedBy} and administrators may {verb} it.",
        _ => $"The {what} has ended already: {item.Before}.",
    };
}
