using ConvexWeb.Training.Events;

namespace ConvexWeb.Server.Ingest;

/// <summary>What a trainer reports, as PostgreSQL takes it: text without NUL and of bounded length.</summary>
internal static class StorableText
{
    private const int LongestText = 4000;

    // A confusion matrix of a thousand classes fits.
    private const int LongestSummary = 8 << 20;

    public static string Clean(string text) => Http.Text.Cut(text.Replace("\0", "", StringComparison.Ordinal), LongestText, " …");

    public static TrainingEvent Clean(TrainingEvent reported) => reported switch
    {
        PointsEvent points => points with { Values = Clean(points.Values) },
        EpochEvent epoch => epoch with { Values = Clean(epoch.Values) },
        MessageEvent message => message with { Text = Clean(message.Text) },
        CheckpointEvent checkpoint => checkpoint with { Sha256 = Clean(checkpoint.Sha256) },
        FailedEvent failed => failed with { Error = Clean(failed.Error) },
        _ => reported,
    };

    /// <summary>The names of the metrics of an event.</summary>
    public static IEnumerable<string> Metrics(TrainingEvent reported) => reported switch
    {
        PointsEvent points => points.Values.Keys,
        EpochEvent epoch => epoch.Values.Keys,
        _ => [],
    };

    /// <returns>A summary as JSON; null for one that is too long to be kept.</returns>
    public static string? Summary(RunSummary summary) => RunSummaryJson.Write(summary) is { Length: <= LongestSummary } text ? text : null;

    private static IReadOnlyDictionary<string, double> Clean(IReadOnlyDictionary<string, double> values)
    {
        if (values.Keys.All(name => name.Length <= LongestText && !name.Contains('\0', StringComparison.Ordinal))) return values;
        var clean = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (name, value) in values) clean[Clean(name)] = value;
        return clean;
    }
}
