using System.Globalization;
using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>How a row of the table is read, wherever it is needed.</summary>
internal static class RunRows
{
    // A run that waits says so when it would wait for ever.
    private static readonly string NoWorker =
        $"""
        case when i.state = 'Queued' and not exists (
                select from workers w where w.last_seen > now() - interval '{WorkerHeartbeat.Silence.TotalSeconds} seconds'
                and i.queue = any(string_to_array(w.queues, ', ')))
             then format('{WaitingItems.NoWorker("%s")}', i.queue) end
        """;

    /// <summary>Columns in the order of <see cref="Read"/>; <c>r</c> is runs, <c>s</c> studies, <c>i</c> work items.</summary>
    public static readonly string Select =
        $"""
        select r.id, r.name, i.state, r.seed, r.model, r.convexity, r.dataset, r.labels, r.study_id, s.name, i.created_by,
               i.created_at, i.started_at, i.finished_at, i.attempt, i.worker, r.step, r.total_steps, r.epochs,
               r.latest, coalesce(i.reason, {NoWorker}), i.wish = 'cancel', r.group_key, r.last_seq, r.spark,
               i.priority, i.queue, i.reason_code, i.wish is not null
        from runs r join work_items i on i.run_id = r.id and i.kind = 'run' join studies s on s.id = r.study_id
        """;

    public static RunRow Read(NpgsqlDataReader reader)
    {
        var latest = Latest(reader.GetString(19));
        return new RunRow
        {
            Id = reader.GetInt64(0),
            Name = reader.GetString(1),
            State = Enum.Parse<RunState>(reader.GetString(2)),
            Seed = reader.GetInt32(3),
            Model = reader.GetString(4),
            Convexity = reader.GetString(5),
            Dataset = reader.GetString(6),
            Labels = reader.GetString(7),
            StudyId = reader.GetInt64(8),
            Study = reader.GetString(9),
            CreatedBy = reader.GetString(10),
            CreatedAt = reader.GetFieldValue<DateTimeOffset>(11),
            StartedAt = Time(reader, 12),
            FinishedAt = Time(reader, 13),
            Attempt = reader.GetInt32(14),
            Worker = reader.IsDBNull(15) ? null : reader.GetString(15),
            Step = reader.GetInt64(16),
            TotalSteps = reader.GetInt64(17),
            Epochs = reader.GetInt32(18),
            TrainAccuracy = Value("train/accuracy"),
            TestAccuracy = Value("test/accuracy"),
            Gap = Value("gap"),
            Reason = reader.IsDBNull(20) ? null : reader.GetString(20),
            CancelRequested = !reader.IsDBNull(21) && reader.GetBoolean(21),
            GroupKey = reader.GetString(22),
            LastSeq = reader.GetInt64(23),
            Spark = Spark(reader.GetString(24)),
            Priority = (Priority)reader.GetInt16(25),
            Queue = reader.GetString(26),
            ReasonCode = reader.IsDBNull(27) ? null : reader.GetString(27),
            Stopping = reader.GetBoolean(28),
        };

        double? Value(string metric) => latest.TryGetValue(metric, out var value) ? value : null;
    }

    public static async Task<List<RunRow>> ReadAllAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var rows = new List<RunRow>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel)) rows.Add(Read(reader));
        return rows;
    }

    public static DateTimeOffset? Time(NpgsqlDataReader reader, int column)
        => reader.IsDBNull(column) ? null : reader.GetFieldValue<DateTimeOffset>(column);

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
