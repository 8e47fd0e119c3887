using System.Text.Json;

namespace ConvexWeb.Training.Events;

/// <summary>A summary as JSON text: <c>summary.json</c>, and what the server stores.</summary>
public static class RunSummaryJson
{
    public static string Write(RunSummary summary) => JsonSerializer.Serialize(summary, EventJson.Default.RunSummary);

    /// <returns>Null for what is no summary of this version.</returns>
    public static RunSummary? Read(string json) => Try(() => JsonSerializer.Deserialize(json, EventJson.Default.RunSummary));

    /// <returns>As <see cref="Read(string)"/>.</returns>
    public static RunSummary? Read(JsonElement json) => Try(() => json.Deserialize(EventJson.Default.RunSummary));

    /// <summary>The filters of a summary by themselves.</summary>
    /// <returns>Null for what is none of this version.</returns>
    public static IReadOnlyList<FilterSnapshot>? ReadFilters(string json)
        => Try(() => JsonSerializer.Deserialize(json, EventJson.Default.IReadOnlyListFilterSnapshot));

    private static T? Try<T>(Func<T?> read) where T : class
    {
        try
        {
            return read();
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return null; // InvalidOperation: half a character
        }
    }
}
