using System.Text.Json;
using ConvexWeb.Server.Http;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Theory;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>How generalization measures go with the gap over the runs of a study.</summary>
/// <param name="Compared">Ids of the runs that are compared: one training.stop_below_loss ended them all, that of most of them.</param>
/// <param name="LeftOut">Ids of those that ended well for another reason: at different losses, measures say little together.</param>
/// <param name="Measures">By name.</param>
public sealed record MeasuredStudy(
    IReadOnlyList<long> Compared, IReadOnlyList<long> LeftOut, IReadOnlyDictionary<string, MeasureOfGap> Measures);

/// <summary>One measure over the compared runs that have it.</summary>
/// <param name="KendallTau">τ-b of the measure and the gap; null with fewer than two runs, or where one is the same for all.</param>
/// <param name="Points">Run, measure, gap (accuracy, points) and the training loss at the end of each.</param>
public sealed record MeasureOfGap(double? KendallTau, IReadOnlyList<MeasuredRun> Points);

/// <summary>A run with a measure.</summary>
public sealed record MeasuredRun(long RunId, double Measure, double Gap, double TrainLoss);

/// <summary>
/// The panel of science.md B8. Only runs of one study, and of those only the ones that one training.stop_below_loss ended: over all runs
/// of a database, or over different losses, a rank correlation would mean nothing.
/// </summary>
internal static class StudyMeasures
{
    public static void MapStudyMeasures(this IEndpointRouteBuilder api) => api.MapGet("/studies/{id:long}/measures", Find)
        .Allow(Access.Read).WithTags("Runs")
        .WithSummary("Generalization measures of a study's runs that stopped at one training loss, and Kendall's tau of each with the gap");

    private sealed record Stored(long RunId, string Because, string Measures, string Final);

    private static async Task<Results<Ok<MeasuredStudy>, NotFound>> Find(long id, NpgsqlDataSource database, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var exists = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from studies where id = @id)", new { id }, cancellationToken: cancel));
        if (!exists) return TypedResults.NotFound();
        var stored = (await connection.QueryAsync<Stored>(new CommandDefinition(
            $"""
            select distinct on (s.run_id) s.run_id, s.summary ->> 'ended_because' as because,
              coalesce(s.summary -> 'measures', json_build_object())::text as measures, (s.summary -> 'final')::text as final
            from run_summaries s join runs r on r.id = s.run_id
            where r.study_id = @id and {RunSummaries.Holds}
            order by s.run_id, s.attempt desc
            """, new { id }, cancellationToken: cancel))).ToList();
        return TypedResults.Ok(Of(stored));
    }

    private static MeasuredStudy Of(List<Stored> stored)
    {
        // The reason names the loss.
        var compared = stored.Where(run => run.Because?.StartsWith(EndReasons.BelowLoss, StringComparison.Ordinal) == true)
            .GroupBy(run => run.Because).MaxBy(group => group.Count())?.ToList() ?? [];
        var others = stored.Except(compared).ToList();
        var points = compared.SelectMany(run =>
            Numbers(run.Measures).Select(measure => (measure.Key, Point: Measured(run, measure.Value))));
        var measures = points
            .Where(p => double.IsFinite(p.Point.Measure) && double.IsFinite(p.Point.Gap) && double.IsFinite(p.Point.TrainLoss))
            .GroupBy(p => p.Key, p => p.Point).ToDictionary(group => group.Key, group => new MeasureOfGap(
                RankCorrelation.TauB([.. group.Select(p => p.Measure)], [.. group.Select(p => p.Gap)]), [.. group]));
        return new([.. compared.Select(run => run.RunId)], [.. others.Select(run => run.RunId)], measures);
    }

    private static MeasuredRun Measured(Stored run, double measure)
    {
        var final = Numbers(run.Final);
        return new(run.RunId, measure, final.GetValueOrDefault("gap", double.NaN), final.GetValueOrDefault("train/loss", double.NaN));
    }

    // What JSON has no number for stands there as text, and is no measure.
    private static Dictionary<string, double> Numbers(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.ValueKind != JsonValueKind.Object ? []
            : document.RootElement.EnumerateObject().Where(field => field.Value.ValueKind == JsonValueKind.Number)
                .ToDictionary(field => field.Name, field => field.Value.GetDouble());
    }
}
