using System.Globalization;
using System.Text.Json;

namespace ConvexWeb.Server.Workers;

/// <summary>A line of a trainer's journal. <paramref name="Line"/> counts from 1.</summary>
public abstract record JournalEvent(long Line, DateTimeOffset At)
{
    private const int LongestText = 4000;

    // A confusion matrix of a thousand classes fits.
    private const int LongestSummary = 8 << 20;

    /// <returns>Null for a line that is no event: cut off by a full disk, or of a kind that this program does not know.</returns>
    public static JournalEvent? Parse(ReadOnlyMemory<byte> json, long line)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            var at = root.GetProperty("at").GetDateTimeOffset().ToUniversalTime();
            return root.GetProperty("type").GetString() switch
            {
                "started" => new Started(line, at, Step(root)),
                "points" => new Points(line, at, Step(root), root.GetProperty("epoch").GetDouble(), IsEpoch: false, Values(root)),
                "epoch" => new Points(line, at, Step(root), root.GetProperty("epoch").GetDouble(), IsEpoch: true, Values(root)),
                "message" => new Message(line, at, Clean(root.GetProperty("level").GetString()), Clean(root.GetProperty("text").GetString())),
                "checkpoint" when root.GetProperty("kind").GetString() is "last" or "best" => new Checkpoint(
                    line, at, Step(root), root.GetProperty("kind").GetString()!, root.GetProperty("bytes").GetInt64(), Clean(root.GetProperty("sha256").GetString())),
                "finished" => new Finished(line, at, Step(root), Summary(root)),
                "stopped" => new Stopped(line, at, Step(root)),
                "failed" => new Failed(line, at, Clean(root.GetProperty("error").GetString())),
                _ => null,
            };
        }
        catch (Exception problem) when (problem is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Text as PostgreSQL takes it: without NUL, and not endless.</summary>
    public static string Clean(string? text) => Http.Text.Cut((text ?? "").Replace("\0", "", StringComparison.Ordinal), LongestText, " …");

    // Whatever is wrong with it, the run has finished.
    private static string? Summary(JsonElement root)
    {
        try
        {
            return root.TryGetProperty("summary", out var summary) && summary.ValueKind == JsonValueKind.Object && summary.GetRawText() is { Length: <= LongestSummary } text ? text : null;
        }
        catch (InvalidOperationException)
        {
            return null; // no UTF-8
        }
    }

    private static long Step(JsonElement root) => root.GetProperty("step").GetInt64();

    private static Dictionary<string, double> Values(JsonElement root)
    {
        var values = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var field in root.GetProperty("values").EnumerateObject())
        {
            // JSON has no word for the others, so they come as strings: "NaN", "Infinity", "-Infinity".
            if (field.Value.ValueKind == JsonValueKind.Number) values[Clean(field.Name)] = field.Value.GetDouble();
            else if (field.Value.ValueKind == JsonValueKind.String) values[Clean(field.Name)] = double.Parse(field.Value.GetString()!, CultureInfo.InvariantCulture);
        }
        return values;
    }
}

/// <param name="Step">Where this attempt goes on: the step of the checkpoint that was loaded, 0 when there was none.</param>
public sealed record Started(long Line, DateTimeOffset At, long Step) : JournalEvent(Line, At);

public sealed record Points(long Line, DateTimeOffset At, long Step, double Epoch, bool IsEpoch, IReadOnlyDictionary<string, double> Values) : JournalEvent(Line, At);

public sealed record Message(long Line, DateTimeOffset At, string Level, string Text) : JournalEvent(Line, At);

public sealed record Checkpoint(long Line, DateTimeOffset At, long Step, string Kind, long Bytes, string Sha256) : JournalEvent(Line, At);

/// <param name="Summary">As the trainer wrote it, JSON; null without one, or with one that is too long to be kept.</param>
public sealed record Finished(long Line, DateTimeOffset At, long Step, string? Summary = null) : JournalEvent(Line, At);

public sealed record Stopped(long Line, DateTimeOffset At, long Step) : JournalEvent(Line, At);

public sealed record Failed(long Line, DateTimeOffset At, string Error) : JournalEvent(Line, At);
