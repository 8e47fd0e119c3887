using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Training.Events;
using Dapper;
using Npgsql;
using NpgsqlTypes;

namespace ConvexWeb.Server.Ingest;

/// <summary>A line that the trainer wrote to stderr.</summary>
public sealed record ErrorLine(long Number, DateTimeOffset At, string Text);

/// <summary>An attempt that has ended.</summary>
/// <param name="Line">Of its journal, up to which everything is stored.</param>
/// <param name="Lost">Its worker was not heard of any more: how it ended stands only in the journal, if anywhere.</param>
/// <param name="Settles">
/// An end that an attempt before it came to counts no more: it had a trainer, or has told that end, after which it is another's turn.
/// </param>
public sealed record StoredAttempt(int Number, long Line, bool Lost, bool IsWhole, bool Settles);

/// <summary>
/// Stores a batch of a journal in one transaction that begins with a lock on the run's row. The lock is the fence (only the attempt that
/// owns the run gets it) and it puts the batches of a run in line, so that their points are numbered without a hole. Who stores lives, so a
/// batch also renews the lease of the item, whose row it keeps from those that would: a long journal is stored without a pause.
/// </summary>
public sealed class PointWriter(NpgsqlDataSource database, MetricIds metrics, WorkerSettings settings)
{
    private sealed record Run
    {
        public long LastSeq { get; init; }
        public long Step { get; init; }
        public string Spark { get; init; } = "";
        public int Epochs { get; init; }
        public long StepsPerEpoch { get; init; }
        public ChunkStore.Tail Tail { get; set; }
    }

    /// <param name="attempt">Whose journal it is: the owner's own, or that of an attempt before it.</param>
    /// <param name="announce">Whether to tell pages of the progress; points and milestones are always told.</param>
    /// <returns>False when the run is not the owner's any more; then nothing was written.</returns>
    public Task<bool> WriteAsync(
        Assignment owner, int attempt, JournalBatch batch, IReadOnlyList<ErrorLine> errors, bool announce,
        CancellationToken cancel = default)
        => WriteAsync(owner, attempt, "'Running'", batch, errors, announce, cancel);

    /// <summary>The rest of an attempt at a run that was cancelled or has failed; it has no owner any more.</summary>
    /// <param name="last">The last attempt.</param>
    /// <param name="attempt">Whose journal it is: the last one's, or that of one before it.</param>
    /// <returns>False when it waits or runs again; then nothing was written.</returns>
    public Task<bool> WriteEndedAsync(Assignment last, int attempt, JournalBatch batch, CancellationToken cancel = default)
        => WriteAsync(last, attempt, "'Cancelled', 'Failed'", batch, [], announce: true, cancel);

    /// <summary>All that an attempt's trainer has written is stored.</summary>
    /// <returns>False when the run is not the owner's any more.</returns>
    public Task<bool> MarkStoredAsync(Assignment owner, int attempt, CancellationToken cancel = default)
        => MarkStoredAsync(owner, attempt, "'Running'", cancel);

    /// <summary>The same of an attempt at a run that was cancelled or has failed.</summary>
    /// <param name="last">The last attempt.</param>
    public Task<bool> MarkEndedStoredAsync(Assignment last, int attempt, CancellationToken cancel = default)
        => MarkStoredAsync(last, attempt, "'Cancelled', 'Failed'", cancel);

    private async Task<bool> MarkStoredAsync(Assignment owner, int attempt, string states, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.ExecuteAsync(new CommandDefinition(
            $"""
            update attempts a set journal_stored = true from work_items i
            where a.item_id = @ItemId and a.number = @attempt and i.id = a.item_id and i.attempt = @Owner and i.state in ({states})
            """, new { owner.ItemId, attempt, Owner = owner.Attempt }, cancellationToken: cancel)) == 1;
    }

    /// <param name="states">Of the item, in SQL: in another one nothing is written.</param>
    private async Task<bool> WriteAsync(
        Assignment owner, int attempt, string states, JournalBatch batch, IReadOnlyList<ErrorLine> errors, bool announce,
        CancellationToken cancel)
    {
        var events = batch.Events.Select(StorableText.Clean).ToList();
        await metrics.LearnAsync(events.SelectMany(StorableText.Metrics), cancel);
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await LockAsync(connection, owner, attempt, states, cancel) is not var (run, journal)) return false;

        // A batch may come twice, when the answer to the commit was lost: its lines are stored then, and are passed over.
        var buffer = new PointBuffer(events.Where(item => item.N > journal.StoredLine));
        var points = await journal.TakeAsync(connection, owner.RunId, attempt, buffer.Reports, metrics, cancel);
        await using var commands = new NpgsqlBatch(connection, transaction);
        foreach (var command in ChunkStore.Store(owner.RunId, attempt, run.LastSeq, points, run.Tail, buffer.Ends))
            commands.BatchCommands.Add(command);
        commands.BatchCommands.Add(Progress(owner, run, journal.SupersededAfter is not null, points, buffer));
        commands.BatchCommands.Add(Remember(owner, attempt, run, journal, batch.LastLine, points, buffer));
        if (buffer.Log.Count + errors.Count > 0) commands.BatchCommands.Add(Log(owner, attempt, buffer, errors));
        foreach (var checkpoint in buffer.Checkpoints.Values) commands.BatchCommands.Add(Keep(owner, attempt, checkpoint));
        if (buffer.Checkpoints.ContainsKey(CheckpointKind.Last)) commands.BatchCommands.Add(Progressed(owner));
        if (buffer.Finished is { Summary: { } summary } end && StorableText.Summary(summary) is { } text)
            commands.BatchCommands.Add(Summarise(owner, attempt, end.Step, text));
        commands.BatchCommands.Add(Renew(owner));
        if (points.Count > 0) commands.BatchCommands.Add(Notify(RunChanges.Points, owner));
        if (announce || buffer.IsMilestone || errors.Count > 0) commands.BatchCommands.Add(Notify(RunChanges.Rows, owner));
        await commands.ExecuteNonQueryAsync(cancel);

        // Points, their numbers and the line up to which the journal is stored become true
        // together. Dying before: the lines are read again.
        await transaction.CommitAsync(cancel);
        return true;
    }

    /// <summary>What is stored of the journals of an item's attempts before this one, in their order.</summary>
    public async Task<IReadOnlyList<StoredAttempt>> StoredAsync(Assignment owner, CancellationToken cancel = default)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return (await connection.QueryAsync<StoredAttempt>(new CommandDefinition(
            """
            select a.number, coalesce(j.stored_line, 0) as line, coalesce(a.outcome = 'lost', false) as lost,
                a.journal_stored as is_whole,
                j.attempt is not null
                    or a.journal_stored and coalesce(a.outcome in ('succeeded', 'failed', 'out_of_memory'), false) as settles
            from attempts a left join journals j on j.run_id = @RunId and j.attempt = a.number
            where a.item_id = @ItemId and a.number < @Attempt order by a.number
            """, new { owner.ItemId, owner.RunId, owner.Attempt }, cancellationToken: cancel))).AsList();
    }

    // Statements of their own: the later ones see what the batch has committed that held the lock before.
    private static async Task<(Run, StoredJournal)?> LockAsync(
        NpgsqlConnection connection, Assignment owner, int attempt, string states, CancellationToken cancel)
    {
        await using var found = await connection.QueryMultipleAsync(new CommandDefinition(
            $"""
            {Transactions.Short};
            select r.last_seq as LastSeq, r.step, r.spark::text as spark, r.epochs, r.steps_per_epoch as StepsPerEpoch
            from work_items i join runs r on r.id = i.run_id
            where i.id = @ItemId and i.attempt = @Owner and i.state in ({states}) for no key update;
            select resumed_step as ResumedStep, coalesce(stored_line, 0) as StoredLine, last_step as LastStep, last_metrics as LastMetrics,
                first_seq as FirstSeq, overlap_seq as OverlapSeq, (
                    select nullif(min(resumed_step), @notYet) from journals where run_id = @RunId and attempt > @attempt
                ) as SupersededAfter
            from (select 1) one left join journals on run_id = @RunId and attempt = @attempt;
            select attempt, cardinality(steps) as reports, cardinality("values") as points from point_tails where run_id = @RunId
            """, new { owner.ItemId, owner.RunId, Owner = owner.Attempt, attempt, notYet = StoredJournal.NotResumedYet },
            cancellationToken: cancel));
        var run = await found.ReadSingleOrDefaultAsync<Run>();
        var journal = await found.ReadSingleAsync<StoredJournal>();
        if (run is null) return null;
        run.Tail = await found.ReadSingleOrDefaultAsync<ChunkStore.Tail>();
        return (run, journal);
    }

    private static NpgsqlBatchCommand Progress(Assignment owner, Run run, bool isSuperseded, PointChunk points, PointBuffer buffer)
    {
        // What is read late of an attempt after which others have gone on says nothing of how far the run is.
        if (isSuperseded) return Command("update runs set last_seq = $2 where id = $1", owner.RunId, run.LastSeq + points.Count);
        var resumed = buffer.Resumed;
        var spark = Spark.Read(run.Spark, run.Epochs);
        if (resumed is not null) spark.Rewind(resumed.Value / (double)Math.Max(1, run.StepsPerEpoch));
        foreach (var (epoch, train, test) in buffer.Accuracies) spark.Add(epoch, train, test);
        return Command(
            "update runs set last_seq = $2, step = $3, latest = latest || $4, spark = $5 where id = $1",
            owner.RunId, run.LastSeq + points.Count, Math.Max(resumed is null ? run.Step : 0, buffer.Step), Json(buffer.LatestJson),
            Json(spark.ToJson()));
    }

    // The row says what the attempt supersedes: nothing, until its trainer has said where it resumed; then the later steps. What the
    // trainer of a lost attempt said may only be read now, by its successor: it counts all the same, or two attempts' points would stand
    // for one step.
    private static NpgsqlBatchCommand Remember(
        Assignment owner, int attempt, Run run, StoredJournal journal, long lastLine, PointChunk points, PointBuffer buffer)
    {
        // An attempt whose first line is read when later ones have gone on: what they left standing is not taken back.
        var resumedStep = buffer.Resumed ?? journal.ResumedStep ?? StoredJournal.NotResumedYet;
        if (buffer.Resumed is not null || journal.ResumedStep is null)
            resumedStep = Math.Max(resumedStep, journal.SupersededAfter ?? 0);
        journal.Number(points, run.LastSeq, resumedStep, buffer.Resumed is not null);
        return Command(
            """
            insert into journals (run_id, attempt, resumed_step, stored_line, last_step, last_metrics, first_seq, overlap_seq)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            on conflict (run_id, attempt) do update set resumed_step = excluded.resumed_step, stored_line = excluded.stored_line,
                last_step = excluded.last_step, last_metrics = excluded.last_metrics, first_seq = excluded.first_seq,
                overlap_seq = excluded.overlap_seq
            """,
            owner.RunId, attempt, resumedStep, Math.Max(journal.StoredLine, lastLine), Number(journal.LastStep), journal.LastMetrics,
            Number(journal.FirstSeq), Number(journal.OverlapSeq));
    }

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

    // It got further: what ended attempts before it does not count against it any more.
    private static NpgsqlBatchCommand Progressed(Assignment owner)
        => Command(
            "update work_items set deaths = 0, tries_from = attempt where id = $1 and (deaths > 0 or tries_from < attempt)", owner.ItemId);

    // Seldom more than once in half a lease, since each is a new version of a row that everybody reads.
    private NpgsqlBatchCommand Renew(Assignment owner) => Command(
        """
        update work_items set lease_until = clock_timestamp() + $3
        where id = $1 and attempt = $2 and state = 'Running' and lease_until < clock_timestamp() + $3 / 2
        """, owner.ItemId, owner.Attempt, settings.Lease);

    private static NpgsqlBatchCommand Summarise(Assignment owner, int attempt, long step, string summary) => Command(
        "insert into run_summaries (run_id, attempt, step, summary) values ($1, $2, $3, $4) on conflict do nothing",
        owner.RunId, attempt, step, new NpgsqlParameter { Value = summary, NpgsqlDbType = NpgsqlDbType.Json });

    private static NpgsqlBatchCommand Notify(string channel, Assignment owner)
        => Command("select pg_notify($1, $2::text)", channel, owner.RunId);

    private static NpgsqlParameter Number(long? number)
        => new() { Value = number ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint };

    private static NpgsqlParameter Json(string text) => new() { Value = text, NpgsqlDbType = NpgsqlDbType.Jsonb };

    private static NpgsqlBatchCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values) command.Parameters.Add(value as NpgsqlParameter ?? new() { Value = value });
        return command;
    }
}
