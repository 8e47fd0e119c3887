using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Runs;
using ConvexWeb.Tests.Support;
using Npgsql;

namespace ConvexWeb.Tests.Workers;

/// <summary>What the true trainer leaves in database and data folder, and how it is killed.</summary>
public static class TrueTraining
{
    /// <summary>
    /// Every point that a reader gets, as <c>metric step value</c>, in order; without those that tell how fast it went.
    /// An evaluation that is repeated after a stop in the middle of it is stored by both attempts, and read once.
    /// </summary>
    public static async Task<IReadOnlyList<string>> PointsAsync(this NpgsqlDataSource database, long run)
    {
        var batch = await new PointReader(database).ReadAsync(run, new PointQuery());
        Assert.False(batch!.More);
        var told = batch.Series.Where(series =>
            series.Metric != "samples_per_second" && !series.Metric.Contains("seconds", StringComparison.Ordinal));
        return [.. told.SelectMany(series => series.Steps.Zip(series.Values, (step, value) =>
            string.Create(CultureInfo.InvariantCulture, $"{series.Metric} {step} {value:R}")))];
    }

    /// <summary>
    /// The hash of the final weights, as the last line of the newest journal has it. An attempt that found the one before it at its end has
    /// none.
    /// </summary>
    public static string Weights(string folder, long run)
    {
        var journal = Directory.GetFiles(RunFiles.Of(folder, run), "metrics.jsonl", SearchOption.AllDirectories)
            .MaxBy(path => int.Parse(Path.GetFileName(Path.GetDirectoryName(path)!)))!;
        using var json = JsonDocument.Parse(File.ReadLines(journal).Last());
        return json.RootElement.GetProperty("summary").GetProperty("weights_sha256").GetString()!;
    }

    /// <summary>kill -9 of whatever process trains the run now; false when none does.</summary>
    public static async Task<bool> KillTrainerAsync(string folder, long run)
    {
        var trainers = await TrainersAsync(folder, run);
        foreach (var trainer in trainers)
        {
            using (trainer) trainer.Kill();
        }
        return trainers.Count > 0;
    }

    /// <summary>The processes that train the run now; to be disposed of.</summary>
    public static async Task<IReadOnlyList<Process>> TrainersAsync(string folder, long run)
    {
        var found = new List<Process>();
        foreach (var process in Process.GetProcesses())
        {
            if (await TrainsAsync(process.Id, RunFiles.Of(folder, run) + "/")) found.Add(process);
            else process.Dispose();
        }
        return found;
    }

    private static async Task<bool> TrainsAsync(int process, string folder)
    {
        try
        {
            return (await File.ReadAllTextAsync($"/proc/{process}/cmdline")).Contains(folder, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // gone meanwhile
        }
    }
}
