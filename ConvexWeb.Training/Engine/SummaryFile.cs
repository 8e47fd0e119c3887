using ConvexWeb.Training.Events;

namespace ConvexWeb.Training.Engine;

/// <summary><c>summary.json</c> in a run's folder.</summary>
internal static class SummaryFile
{
    /// <summary>Whole or not at all: a summary is never half written.</summary>
    public static void Write(string folder, RunSummary summary)
    {
        var path = Path.Combine(folder, "summary.json");
        File.WriteAllText(path + ".tmp", RunSummaryJson.Write(summary) + "\n");
        File.Move(path + ".tmp", path, overwrite: true);
    }
}
