using System.Text.Json;
using System.Text.Json.Serialization;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Events;

/// <summary>Events as lines of a journal.</summary>
public static class TrainingEvents
{
    /// <summary>The line of an event, without its end.</summary>
    public static string Line(TrainingEvent happened) => JsonSerializer.Serialize(happened, EventJson.Default.TrainingEvent);

    /// <returns>Null for a line that is no event: cut off by a full disk, or of a kind that this version does not know.</returns>
    public static TrainingEvent? Parse(ReadOnlyMemory<byte> line)
    {
        try
        {
            var happened = JsonSerializer.Deserialize(line.Span, EventJson.Default.TrainingEvent);
            return happened is null || happened.At == default ? null : happened with { At = happened.At.ToUniversalTime() };
        }
        catch (Exception problem) when (problem is JsonException or NotSupportedException or InvalidOperationException)
        {
            // NotSupported: a line without a type. InvalidOperation: half a character.
            return null;
        }
    }
}

/// <summary>A cause as its word. One that this version does not know is none: the training has failed all the same.</summary>
internal sealed class OptionalCause : JsonConverter<FailureCause?>
{
    public override FailureCause? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        return document.RootElement is { ValueKind: JsonValueKind.String } word
            ? (FailureCause?)ChoiceWord.Find(typeof(FailureCause), word.GetString()!) : null;
    }

    public override void Write(Utf8JsonWriter writer, FailureCause? value, JsonSerializerOptions options) =>
        writer.WriteStringValue(ChoiceWord.Of(value!.Value));
}

/// <summary>Whatever is wrong with the summary of a finished run, the run has finished.</summary>
internal sealed class OptionalSummary : JsonConverter<RunSummary>
{
    public override RunSummary? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        return RunSummaryJson.Read(document.RootElement);
    }

    public override void Write(Utf8JsonWriter writer, RunSummary value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, value, EventJson.Default.RunSummary);
}
