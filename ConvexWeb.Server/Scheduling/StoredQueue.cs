using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Leasing;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>What pages and API do with the queue and its rules.</summary>
public sealed class StoredQueue(
    NpgsqlDataSource database, WaitingItems waiting, IWorkQueue tickets, Caller caller, AuditTrail trail, TimeProvider time) : IQueue
{
    public const int MostItems = 1000;
    private const int LongestText = 200;

    // A pace that was measured may be anything; a date has an end.
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(3650);

    public async Task<QueueView> ListAsync(string? queue = null, int limit = 200, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        if (limit is < 1 or > MostItems) throw new InvalidInputException("limit", $"limit must be from 1 to {MostItems}; got {limit}.");
        if (Text.Problem("queue", queue) is { } unfit) throw new InvalidInputException([unfit]);
        if (queue is not null && !WorkerSettings.IsQueue(queue))
            throw new InvalidInputException("queue", $"queue must name a queue of workers; got '{Text.Short(queue)}'.");
        var snapshot = await waiting.ReadAsync(runs: null, queue, limit, cancel);
        var now = time.GetUtcNow();
        return new(snapshot.Maintenance, [.. snapshot.Items.Select(item => View(item, snapshot.Why(item, now), now))], snapshot.Total);
    }

    private static QueuedItem View(WaitingItem item, (WaitCode Code, string Words) why, DateTimeOffset now) => new()
    {
        Place = item.Place,
        Kind = item.Kind,
        RunId = item.RunId,
        Name = item.Name,
        CreatedBy = item.CreatedBy,
        Priority = (Priority)item.Priority,
        Queue = item.Queue,
        MemoryMb = item.MemoryMb,
        QueuedAt = item.QueuedAt,
        Code = why.Code,
        Why = why.Words,
        StartsAt = item.StartsIn is { } seconds ? now.AddSeconds(Math.Min(seconds, LongestWait.TotalSeconds)) : null,
    };

    public async Task<LabPolicy> PolicyAsync(CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.QuerySingleAsync<LabPolicy>(
            new("select maintenance, user_running, user_waiting, study_running from lab", cancellationToken: cancel));
    }

    public async Task<IReadOnlyList<UserShare>> SharesAsync(CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var connection = await database.OpenConnectionAsync(cancel);
        return (await connection.QueryAsync<UserShare>(new(
            "select user_name as user, weight, max_running from user_shares order by user_name", cancellationToken: cancel))).AsList();
    }

    public async Task<LabPolicy> ChangePolicyAsync(LabPolicy policy, CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        var problems = new List<FieldProblem>();
        if (Text.Problem("maintenance", policy.Maintenance) is { } unfit) problems.Add(unfit);
        if (policy.Maintenance is { } why && (string.IsNullOrWhiteSpace(why) || why.Length > LongestText))
            problems.Add(new("maintenance", $"maintenance must be 1 to {LongestText} characters that say why, or null to go on."));
        foreach (var (name, value) in new[]
                 {
                     ("userRunning", policy.UserRunning), ("userWaiting", policy.UserWaiting), ("studyRunning", policy.StudyRunning),
                 })
        {
            if (value < 1) problems.Add(new(name, $"{name} must be at least 1; got {value}."));
        }
        if (problems.Count > 0) throw new InvalidInputException(problems);
        await StoreAsync(
            """
            update lab set maintenance = @Maintenance, user_running = @UserRunning, user_waiting = @UserWaiting,
                study_running = @StudyRunning
            """, policy, new(AuditAction.PolicyChanged, "the lab",
                $"running {policy.UserRunning} of a user and {policy.StudyRunning} of a study, waiting {policy.UserWaiting} of a user; "
                + (policy.Maintenance is { } reason ? $"maintenance: {reason}" : "no maintenance")), cancel);
        await tickets.AnnounceAsync(cancel);
        return policy;
    }

    public async Task<UserShare> ChangeShareAsync(UserShare share, CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        var problems = new List<FieldProblem>();
        if (share.Weight is not (>= 0.01 and <= 100))
            problems.Add(new("weight", $"weight must be from 0.01 to 100; got {share.Weight}."));
        if (share.MaxRunning < 1) problems.Add(new("maxRunning", $"maxRunning must be at least 1; got {share.MaxRunning}."));
        await using (var connection = await database.OpenConnectionAsync(cancel))
        {
            if (!await connection.ExecuteScalarAsync<bool>(new(
                    "select exists (select from users where user_name = @User)", new { share.User }, cancellationToken: cancel)))
            {
                problems.Add(new("user", $"There is no user '{Text.Short(share.User)}'."));
            }
        }
        if (problems.Count > 0) throw new InvalidInputException(problems);
        await StoreAsync(
            """
            insert into user_shares (user_name, weight, max_running) values (@User, @Weight, @MaxRunning)
            on conflict (user_name) do update set weight = excluded.weight, max_running = excluded.max_running
            """, share, new(AuditAction.PolicyChanged, share.User,
                $"weight {share.Weight}, running at most {share.MaxRunning?.ToString() ?? "as everybody"}"), cancel);
        await tickets.AnnounceAsync(cancel);
        return share;
    }

    private async Task StoreAsync(string statement, object values, AuditNote note, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await connection.ExecuteAsync(new(statement, values, cancellationToken: cancel));
        await trail.WriteAsync(connection, caller.Actor, [note], cancel);
        await transaction.CommitAsync(cancel);
    }
}
