namespace ConvexWeb.Tests.Support;

/// <summary>What attempts have left in a data folder.</summary>
public static class RunFiles
{
    /// <summary>The folder of a run's attempts, in whichever database's folder it is; there must be one.</summary>
    public static string Of(string dataFolder, long run) =>
        Directory.GetDirectories(Path.Combine(dataFolder, "runs"))
            .Select(database => Path.Combine(database, $"{run}")).Single(Directory.Exists);

    public static string JournalOf(string dataFolder, long run, int attempt = 1)
        => Path.Combine(Of(dataFolder, run), $"{attempt}", "metrics.jsonl");
}
