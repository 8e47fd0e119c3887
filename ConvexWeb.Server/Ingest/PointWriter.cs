using ConvexWeb.Server.Leasing;
using ConvexWeb.Training.Events;
using Npgsql;
using NpgsqlTypes;

namespace ConvexWeb.Server.Ingest;

/// <summary>A line that the trainer wrote to stderr.</summary>
public sealed record ErrorLine(long Number, DateTimeOffset At, string Text);

/// <summary>
/// Stores a batch of a journal in one transaction that begins with a lock on the run's row. The lock is the fence (only the attempt that
/// owns the run gets it) and it puts the batches of a run in line, so that their points are numbered without a hole.
/// </summary>
public sealed class PointWriter(NpgsqlDataSource database, MetricIds metrics)
{
    private sealed record Row(long LastSeq, string Spark, int Epochs, long StepsPerEpoch, long Stored);

    /// <param name="attempt">Whose journal it is: the owner's own, or that of an attempt before it.</param>
    /// <param name="announce">Whether to tell pages of the progress; points and milestones are always told.</param>
    /// <returns>False when the run is not the owner's any more; then nothing was written.</returns>
    public async Task<bool> WriteAsync(
        Assignment owner, int attempt, JournalBatch batch, IReadOnlyList<ErrorLine> errors, bool announce,
        CancellationToken cancel = default)
    {
        var events = batch.Events.Select(StorableText.Clean).ToList();
        await metrics.LearnAsync(events.SelectMany(StorableText.Metrics), cancel);
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await LockAsync(connection, owner, attempt, cancel) is not { } row) return false;

        // A batch may come twice, when the answer to the commit was lost: its lines are stored then, and are passed over.
        var buffer = new PointBuffer(events.Where(item => item.N > row.Stored));
        await using var commands = new NpgsqlBatch(connection, transaction);
        commands.BatchCommands.Add(Store(owner, attempt, row, buffer));
        commands.BatchCommands.Add(Progress(owner, attempt, batch.LastLine, buffer));
        if (buffer.Log.Count + errors.Count > 0) commands.BatchCommands.Add(Log(owner, attempt, buffer, errors));
        foreach (var checkpoint in buffer.Checkpoints.Values) commands.BatchCommands.Add(Keep(owner, attempt, checkpoint));
        if (buffer.Finished is { Summary: { } summary } end && StorableText.Summary(summary) is { } text)
            commands.BatchCommands.Add(Summarise(owner, attempt, end.Step, text));
        if (buffer.Metrics.Count > 0) commands.BatchCommands.Add(Notify(RunChanges.Points, owner));
        if (announce || buffer.IsMilestone || errors.Count > 0) commands.BatchCommands.Add(Notify(RunChanges.Rows, owner));
        await commands.ExecuteNonQueryAsync(cancel);

        // Points, their numbers and the line up to which the journal is stored become true
        // together. Dying before: the lines are read again.
        await transaction.CommitAsync(cancel);
        return true;
    }

    /// <summary>Attempt → the line of its journal up to which everything is stored.</summary>
    public async Task<IReadOnlyDictionary<int, long>> StoredLinesAsync(long runId, CancellationToken cancel = default)
    {
        await using var command = database.CreateCommand("select number, journal_n from attempts where run_id = $1");
        command.Parameters.Add(new() { Value = runId });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var lines = new Dictionary<int, long>();
        while (await reader.ReadAsync(cancel)) lines[reader.GetInt32(0)] = reader.GetInt64(1);
        return lines;
    }

    private static async Task<Row?> LockAsync(NpgsqlConnection connection, Assignment owner, int attempt, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            """
            select r.last_seq, r.spark::text, r.epochs, r.steps_per_epoch, a.journal_n
            from runs r join attempts a on a.run_id = r.id and a.number = $3
            where r.id = $1 and r.attempt = $2 and r.state = 'Running' for update
            """, connection);
        foreach (var value in new object[] { owner.RunId, owner.Attempt, attempt }) command.Parameters.Add(new() { Value = value });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel)
            ? new(reader.GetInt64(0), reader.GetString(1), reader.GetInt32(2), reader.GetInt64(3), reader.GetInt64(4))
            : null;
    }

    // Arrays and not COPY: the rows need a look at what is there before they get their numbers, and this is one trip instead of three.
    // Points of an earlier attempt that a later one has gone over again are left out; nobody would see them.
    private NpgsqlBatchCommand Store(Assignment owner, int attempt, Row row, PointBuffer buffer)
    {
        var spark = Spark.Read(row.Spark, row.Epochs);
        if (buffer.Resumed is { } resumed && attempt == owner.Attempt) spark.Rewind(resumed / (double)Math.Max(1, row.StepsPerEpoch));
        foreach (var (epoch, train, test) in buffer.Accuracies) spark.Add(epoch, train, test);
        return Command(
            """
            with new as (
                insert into points (run_id, metric_id, step, attempt, epoch, value, at, seq)
                select $1, f.metric_id, f.step, $3, f.epoch, f.value, f.at, $4 + row_number() over (order by f.place)
                from unnest($5, $6, $7, $8, $9) with ordinality as f (metric_id, step, epoch, value, at, place)
                where not exists (
                    select from points p
                    where p.run_id = $1 and p.metric_id = f.metric_id and p.step = f.step and p.attempt = $3)
                  and not exists (
                    select from attempts a
                    where a.run_id = $1 and a.number > $3 and a.number < $2 and a.resumed_step < f.step)
                returning 1)
            update runs set
                last_seq = last_seq + (select count(*) from new),
                step = greatest(case when $10 then 0 else step end, $11),
                latest = latest || $12,
                spark = $13
            where id = $1
            """,
            owner.RunId, owner.Attempt, attempt, row.LastSeq,
            buffer.Metrics.Select(name => metrics[name]).ToArray(), buffer.Steps.ToArray(), buffer.Epochs.ToArray(),
            buffer.Values.ToArray(), buffer.Times.ToArray(),
            buffer.Resumed is not null && attempt == owner.Attempt, buffer.Step, Json(buffer.LatestJson), Json(spark.ToJson()));
    }

    // An attempt's row says what it supersedes: nothing that is stored, until its trainer has said where it resumed; then the later
    // steps. What the trainer of a lost attempt said may only be read now, by its successor: it counts all the same, or two
    // attempts' points would stand for one step.
    private static NpgsqlBatchCommand Progress(Assignment owner, int attempt, long lastLine, PointBuffer buffer) => Command(
        """
        update attempts set
            journal_n = case when number = $3 then greatest(journal_n, $4) else journal_n end,
            resumed_step = case when number = $3 and $5 then $6
                                when number = $2 and $3 <> $2 then greatest(resumed_step, $7)
                                else resumed_step end
        where run_id = $1 and number in ($2, $3)
        """,
        owner.RunId, owner.Attempt, attempt, lastLine, buffer.Resumed is not null, buffer.Resumed ?? 0, buffer.Step);

    private static NpgsqlBatchCommand Log(Assignment owner, int attempt, PointBuffer buffer, IReadOnlyList<ErrorLine> errors)
    {
        var lines = buffer.Log
            .Concat(errors.Select(line => (Line: -line.Number, line.At, Level: "stderr", line.Text)))
            .OrderBy(line => line.At)
            .ToList();
        return Command(
            """
            insert into log_lines (run_id, attempt, n, at, level, text)
            select $1, $2, f.n, f.at, f.level, f.text from unnest($3, $4, $5, $6) as f (n, at, level, text)
            on conflict do nothing
            """,
            owner.RunId, attempt, lines.Select(line => line.Line).ToArray(), lines.Select(line => line.At).ToArray(),
            lines.Select(line => line.Level).ToArray(), lines.Select(line => line.Text).ToArray());
    }

    private static NpgsqlBatchCommand Keep(Assignment owner, int attempt, CheckpointEvent checkpoint) => Command(
        """
        insert into checkpoints (run_id, attempt, kind, step, bytes, sha256) values ($1, $2, $3, $4, $5, $6)
        on conflict (run_id, attempt, kind) do update
            set step = excluded.step, bytes = excluded.bytes, sha256 = excluded.sha256, created_at = now()
        """,
        owner.RunId, attempt, checkpoint.Kind == CheckpointKind.Last ? "last" : "best", checkpoint.Step, checkpoint.Bytes,
        checkpoint.Sha256);

    private static NpgsqlBatchCommand Summarise(Assignment owner, int attempt, long step, string summary) => Command(
        "insert into run_summaries (run_id, attempt, step, summary) values ($1, $2, $3, $4) on conflict do nothing",
        owner.RunId, attempt, step, new NpgsqlParameter { Value = summary, NpgsqlDbType = NpgsqlDbType.Json });

    private static NpgsqlBatchCommand Notify(string channel, Assignment owner)
        => Command("select pg_notify($1, $2::text)", channel, owner.RunId);

    private static NpgsqlParameter Json(string text) => new() { Value = text, NpgsqlDbType = NpgsqlDbType.Jsonb };

    private static NpgsqlBatchCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values) command.Parameters.Add(value as NpgsqlParameter ?? new() { Value = value });
        return command;
    }
}
