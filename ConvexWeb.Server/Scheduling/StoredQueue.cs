using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Leasing;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>What pages and API do with the queue and its rules.</summary>
public sealed class StoredQueue(NpgsqlDataSource database, WaitingItems waiting, IWorkQueue tickets, Caller caller, TimeProvider time)
    : IQueue
{
    public const int MostItems = 1000;
    private const int LongestText = 200;

    private sealed record Duration(long RunId, string Name, double? Seconds);

    private sealed class WorkerRow
    {
        public string Queues { get; init; } = "";
        public int Slots { get; init; }

        /// <summary>Of each item that runs there, seconds; negative: not known.</summary>
        public double[] Remaining { get; init; } = [];
    }

    public async Task<QueueView> ListAsync(string? queue = null, int limit = 200, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        if (limit is < 1 or > MostItems) throw new InvalidInputException("limit", $"limit must be from 1 to {MostItems}; got {limit}.");
        if (Text.Problem("queue", queue) is { } unfit) throw new InvalidInputException([unfit]);
        if (queue is not null && !WorkerSettings.IsQueue(queue))
            throw new InvalidInputException("queue", $"queue must name a queue of workers; got '{Text.Short(queue)}'.");
        var snapshot = await waiting.ReadAsync(runs: null, queue, limit, cancel);
        var (durations, workers) = await EstimatesAsync([.. snapshot.Items.Select(item => item.RunId).Distinct()], cancel);
        var now = time.GetUtcNow();
        var reasons = snapshot.Items.ToDictionary(item => item.ItemId, item => snapshot.Why(item, now));
        var starts = QueueForecast.Starts(workers, snapshot.Items.Select(item => new ForecastItem(
            item.ItemId, item.Queue, reasons[item.ItemId].Code is not (WaitCode.Next or WaitCode.Behind),
            item.Kind == WorkKind.Run.Word() ? durations[item.RunId].Seconds : null)));
        return new(snapshot.Maintenance, [.. snapshot.Items.Select(item => new QueuedItem
        {
            Place = item.Place,
            Kind = item.Kind,
            RunId = item.RunId,
            Name = durations[item.RunId].Name,
            CreatedBy = item.CreatedBy,
            Priority = (Priority)item.Priority,
            Queue = item.Queue,
            MemoryMb = item.MemoryMb,
            QueuedAt = item.QueuedAt,
            Code = reasons[item.ItemId].Code,
            Why = reasons[item.ItemId].Words,
            StartsAt = starts.TryGetValue(item.ItemId, out var seconds) ? now.AddSeconds(seconds) : null,
        })], snapshot.Total);
    }

    // Measured: the pace of runs of the same spec that have succeeded, else of the same model and data set among the latest; and of a
    // running one its own. What remains of an attempt that resumed counts from where it did.
    private async Task<(Dictionary<long, Duration>, IReadOnlyList<ForecastWorker>)> EstimatesAsync(long[] ids, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var answers = await connection.QueryMultipleAsync(new(
            $"""
            with latest as (
                select r.model, r.dataset, extract(epoch from i.finished_at - i.started_at) / greatest(r.total_steps, 1) as pace
                from (
                    select run_id, started_at, finished_at from work_items
                    where kind = 'run' and state = 'Succeeded' order by finished_at desc limit 500) i
                join runs r on r.id = i.run_id),
            usual as (
                select model, dataset, percentile_cont(0.5) within group (order by pace) as pace from latest group by model, dataset),
            keys as (select distinct group_key from runs where id = any(@ids)),
            same as (
                select k.group_key, twins.pace from keys k cross join lateral (
                    select percentile_cont(0.5) within group (order by pace) as pace from (
                        select extract(epoch from i.finished_at - i.started_at) / greatest(r.total_steps, 1) as pace
                        from runs r join work_items i on i.run_id = r.id and i.kind = 'run'
                        where r.group_key = k.group_key and i.state = 'Succeeded' order by i.finished_at desc limit 20) latest) twins)
            select w.id as run_id, w.name, ((w.total_steps - w.step) * coalesce(same.pace, usual.pace))::float8 as seconds
            from runs w left join same on same.group_key = w.group_key
            left join usual on usual.model = w.model and usual.dataset = w.dataset
            where w.id = any(@ids);
            select w.queues, w.slots, array(
                select case when r.step > j.resumed_step then
                        (extract(epoch from clock_timestamp() - a.started_at) / (r.step - j.resumed_step)
                            * (r.total_steps - r.step))::float8 else -1 end
                from work_items i join attempts a on a.item_id = i.id and a.number = i.attempt
                left join runs r on r.id = i.run_id and i.kind = 'run'
                left join journals j on j.run_id = r.id and j.attempt = i.attempt
                where i.state = 'Running' and i.worker = w.name) as remaining
            from workers w
            where {OpenWorkers.IsOpen}
            """, new { ids }, cancellationToken: cancel));
        var durations = (await answers.ReadAsync<Duration>()).ToDictionary(run => run.RunId);
        var workers = (await answers.ReadAsync<WorkerRow>()).Select(worker => new ForecastWorker(
            worker.Queues.Split(", "),
            [
                .. worker.Remaining.Select(seconds => seconds < 0 ? (double?)null : seconds),
                .. Enumerable.Repeat<double?>(0, Math.Max(0, worker.Slots - worker.Remaining.Length)),
            ]));
        return (durations, [.. workers]);
    }

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
        if (policy.Maintenance is { Length: 0 or > LongestText })
            problems.Add(new("maintenance", $"maintenance must be 1 to {LongestText} characters that say why, or null to go on."));
        foreach (var (name, value) in new[]
                 {
                     ("userRunning", policy.UserRunning), ("userWaiting", policy.UserWaiting), ("studyRunning", policy.StudyRunning),
                 })
        {
            if (value < 1) problems.Add(new(name, $"{name} must be at least 1; got {value}."));
        }
        if (problems.Count > 0) throw new InvalidInputException(problems);
        await using (var connection = await database.OpenConnectionAsync(cancel))
        {
            await connection.ExecuteAsync(new(
                """
                update lab set maintenance = @Maintenance, user_running = @UserRunning, user_waiting = @UserWaiting,
                    study_running = @StudyRunning
                """, policy, cancellationToken: cancel));
        }
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
        await using var connection = await database.OpenConnectionAsync(cancel);
        if (!await connection.ExecuteScalarAsync<bool>(new(
                "select exists (select from users where user_name = @User)", new { share.User }, cancellationToken: cancel)))
        {
            problems.Add(new("user", $"There is no user '{Text.Short(share.User)}'."));
        }
        if (problems.Count > 0) throw new InvalidInputException(problems);
        await connection.ExecuteAsync(new(
            """
            insert into user_shares (user_name, weight, max_running) values (@User, @Weight, @MaxRunning)
            on conflict (user_name) do update set weight = excluded.weight, max_running = excluded.max_running
            """, share, cancellationToken: cancel));
        await tickets.AnnounceAsync(cancel);
        return share;
    }
}
