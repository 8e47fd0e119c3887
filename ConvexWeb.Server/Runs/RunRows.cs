using System.Globalization;
using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Leasing;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>How a row of the table is read, wherever it is needed.</summary>
internal static class RunRows
{
    // A run that waits says so when it would wait for ever.
    private static readonly string HasNoWorker =
        $"""
        i.state = 'Queued' and not exists (
            select from workers w where {OpenWorkers.IsAlive} and i.queue = any(string_to_array(w.queues, ', ')))
        """;

    /// <summary>The columns of <see cref="Stored"/>; <c>r</c> is runs, <c>s</c> studies, <c>i</c> work items.</summary>
    public static readonly string Select =
        $"""
        select r.id, r.name, i.state, r.seed, r.model, r.convexity, r.dataset, r.labels, r.study_id, s.name as study, i.created_by,
               i.created_at, i.queued_at, i.started_at, i.finished_at, i.priority::int as priority, i.queue, i.attempt, i.worker, r.step,
               r.total_steps, r.epochs, r.latest, i.reason, i.reason_code, {HasNoWorker} as has_no_worker, i.wish is not null as stopping,
               coalesce(i.wish = 'cancel', false) as cancel_requested, r.group_key, r.last_seq, r.spark
        from runs r join work_items i on i.run_id = r.id and i.kind = 'run' join studies s on s.id = r.study_id
        """;

    /// <param name="rest">What follows <see cref="Select"/>: conditions, order, limit.</param>
    public static async Task<List<RunRow>> QueryAsync(
        NpgsqlConnection connection, string rest, object? parameters, CancellationToken cancel)
    {
        var stored = await connection.QueryAsync<Stored>(
            new CommandDefinition($"{Select} {rest}", parameters, cancellationToken: cancel));
        return [.. stored.Select(row => row.ToRow())];
    }

    /// <summary>As <see cref="QueryAsync"/>, of a command that begins with <see cref="Select"/>.</summary>
    public static async Task<List<RunRow>> ReadAllAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var rows = new List<RunRow>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var parse = reader.GetRowParser<Stored>();
        while (await reader.ReadAsync(cancel)) rows.Add(parse(reader).ToRow());
        return rows;
    }

    private sealed record Stored
    {
        public long Id { get; init; }
        public required string Name { get; init; }
        public RunState State { get; init; }
        public int Seed { get; init; }
        public required string Model { get; init; }
        public required string Convexity { get; init; }
        public required string Dataset { get; init; }
        public required string Labels { get; init; }
        public long StudyId { get; init; }
        public required string Study { get; init; }
        public required string CreatedBy { get; init; }
        public DateTimeOffset CreatedAt { get; init; }
        public DateTimeOffset QueuedAt { get; init; }
        public DateTimeOffset? StartedAt { get; init; }
        public DateTimeOffset? FinishedAt { get; init; }
        public Priority Priority { get; init; }
        public required string Queue { get; init; }
        public int Attempt { get; init; }
        public string? Worker { get; init; }
        public long Step { get; init; }
        public long TotalSteps { get; init; }
        public int Epochs { get; init; }
        public required string Latest { get; init; }
        public string? Reason { get; init; }
        public string? ReasonCode { get; init; }
        public bool HasNoWorker { get; init; }
        public bool Stopping { get; init; }
        public bool CancelRequested { get; init; }
        public required string GroupKey { get; init; }
        public long LastSeq { get; init; }
        public required string Spark { get; init; }

        public RunRow ToRow()
        {
            var newest = RunRows.Latest(Latest);
            return new RunRow
            {
                Id = Id,
                Name = Name,
                State = State,
                Seed = Seed,
                Model = Model,
                Convexity = Convexity,
                Dataset = Dataset,
                Labels = Labels,
                StudyId = StudyId,
                Study = Study,
                CreatedBy = CreatedBy,
                CreatedAt = CreatedAt,
                QueuedAt = QueuedAt,
                StartedAt = StartedAt,
                FinishedAt = FinishedAt,
                Priority = Priority,
                Queue = Queue,
                Attempt = Attempt,
                Worker = Worker,
                Step = Step,
                TotalSteps = TotalSteps,
                Epochs = Epochs,
                TrainAccuracy = Value("train/accuracy"),
                TestAccuracy = Value("test/accuracy"),
                Gap = Value("gap"),
                Reason = Reason ?? (HasNoWorker ? WaitingItems.NoWorker(Queue) : null),
                ReasonCode = ReasonCode ?? (HasNoWorker ? Words.Of(WaitCode.NoWorker) : null),
                Stopping = Stopping,
                CancelRequested = CancelRequested,
                GroupKey = GroupKey,
                LastSeq = LastSeq,
                Spark = RunRows.Spark(Spark),
            };

            double? Value(string metric) => newest.TryGetValue(metric, out var value) ? value : null;
        }
    }

    /// <summary>Metric → newest value; what JSON has no number for is a string there.</summary>
    public static Dictionary<string, double> Latest(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.EnumerateObject()
            .Where(field => field.Value.ValueKind != JsonValueKind.Null)
            .ToDictionary(field => field.Name, field => Number(field.Value));
    }

    private static List<GapPoint> Spark(string json)
    {
        using var document = JsonDocument.Parse(json);
        return
        [
            .. document.RootElement.EnumerateArray()
                .Where(point => point.GetArrayLength() == 3)
                .Select(point => new GapPoint(Number(point[0]), Number(point[1]), Number(point[2]))),
        ];
    }

    private static double Number(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetDouble(),
        JsonValueKind.String => double.Parse(value.GetString()!, CultureInfo.InvariantCulture),
        _ => double.NaN,
    };
}
