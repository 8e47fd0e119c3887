using ConvexWeb.Client.Contracts;
using Dapper;
using Npgsql;
using Reported = ConvexWeb.Training.Events;

namespace ConvexWeb.Server.Runs;

/// <summary>What trainers reported at their end, as the contract of the pages has it.</summary>
internal static class RunSummaries
{
    /// <summary>
    /// Of a row s of run_summaries, whether it holds. The rule of points: what a later attempt went over again does not hold any more.
    /// </summary>
    internal const string Holds =
        "not exists (select from journals j where j.run_id = s.run_id and j.attempt > s.attempt and j.resumed_step < s.step)";

    /// <returns>Null while the run has not ended well, and for what an older or newer trainer reported in another form.</returns>
    public static async Task<RunSummary?> ReadAsync(NpgsqlDataSource database, long runId, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var stored = await connection.QueryFirstOrDefaultAsync<string>(new CommandDefinition(
            $"""
            select summary::text from run_summaries s
            where run_id = @runId and {Holds} order by attempt desc limit 1
            """, new { runId }, cancellationToken: cancel));
        return stored is not null && Reported.RunSummaryJson.Read(stored) is { } reported ? View(reported) : null;
    }

    /// <returns>Filters of the first layer by epoch, empty where none was kept; null where <see cref="ReadAsync"/> has none.</returns>
    public static async Task<IReadOnlyList<Reported.FilterSnapshot>?> FiltersAsync(
        NpgsqlDataSource database, long runId, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var stored = await connection.QueryFirstOrDefaultAsync<string>(new CommandDefinition(
            $"""
            select coalesce(summary -> 'filters', '[]')::text from run_summaries s
            where run_id = @runId and {Holds} order by attempt desc limit 1
            """, new { runId }, cancellationToken: cancel));
        return stored is null ? null : Reported.RunSummaryJson.ReadFilters(stored);
    }

    private static RunSummary View(Reported.RunSummary reported) => new()
    {
        Epochs = reported.Epochs,
        Steps = reported.Steps,
        EndedBecause = reported.EndedBecause,
        Final = reported.Final,
        Best = reported.Best,
        BestEpoch = reported.BestEpoch,
        TrainSeconds = reported.TrainSeconds,
        WeightsSha256 = reported.WeightsSha256,
        FittedEpoch = reported.FittedEpoch,
        FittedStep = reported.FittedStep,
        NearlyFittedEpoch = reported.NearlyFittedEpoch,
        NearlyFittedStep = reported.NearlyFittedStep,
        RestoredEpoch = reported.RestoredEpoch,
        Series = (reported.Series ?? new Dictionary<string, Reported.MetricSeries>()).ToDictionary(
            pair => pair.Key,
            pair => new MetricSeries(pair.Value.Final, pair.Value.Min, pair.Value.Max, pair.Value.Mean, pair.Value.Count)),
        Measures = reported.Measures ?? new Dictionary<string, double>(),
        Peak = reported.Peak,
        PeakEpoch = reported.PeakEpoch,
        LabelsSha256 = reported.LabelsSha256,
        WrongLabels = reported.WrongLabels,
        Clusters = reported.Clusters?.Select(cluster => new ClusterImage(cluster.Share, cluster.Bmp)).ToList(),
        Classes = reported.Classes,
        Splits = reported.Splits.ToDictionary(split => split.Key, split => View(split.Value)),
        Layers = [.. reported.Layers.Select(View)],
    };

    private static SplitSummary View(Reported.SplitSummary split) => new(
        split.Confusion, [.. split.Reliability.Select(View)], split.CalibrationError, split.CalibrationPlainSum, split.MacroPrecision,
        split.MacroRecall, split.MacroF1, split.WeightedF1, split.Matthews, split.Youden, split.UndefinedClasses)
    {
        CalibrationPlainSumOfAll = split.CalibrationPlainSumOfAll,
        MarginDeciles = split.MarginDeciles ?? [],
    };

    private static ReliabilityBin View(Reported.ReliabilityBin bin) =>
        new(bin.Low, bin.High, bin.Count, bin.Confidence, bin.Accuracy);

    private static LayerSummary View(Reported.LayerSummary layer) =>
        new(layer.Name, layer.Count, layer.NonZeros, layer.L1, layer.Frobenius, layer.Min, layer.Max, layer.FromInit)
        {
            Spectral = layer.Spectral,
            IsSpectralApproximate = layer.IsSpectralApproximate,
            SpikeShare = layer.SpikeShare,
        };
}
