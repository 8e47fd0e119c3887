using System.Net;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Api;

[Trait("kind", "database")]
public sealed class SummaryTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task A_stranger_does_not_read_it()
    {
        using var user = await host.UserAsync();
        var run = await FinishedAsync(user);
        using var stranger = host.Anonymous();

        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.GetAsync($"/api/v1/runs/{run}/summary")).StatusCode);
    }

    [Fact]
    public async Task There_is_none_of_a_run_that_does_not_exist_or_has_not_finished()
    {
        using var client = await host.UserAsync();
        var run = await client.SubmitAsync();
        await host.Database.StartAttemptAsync(run);

        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/api/v1/runs/999999/summary")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync($"/api/v1/runs/{run}/summary")).StatusCode);
    }

    [Fact]
    public async Task All_that_the_trainer_said_comes_out()
    {
        using var client = await host.UserAsync();
        var run = await FinishedAsync(client);

        var summary = await client.GetAsync<RunSummary>($"/api/v1/runs/{run}/summary");

        Assert.Equal(
            (2, 40L, "all epochs done", 1, 12.5),
            (summary.Epochs, summary.Steps, summary.EndedBecause, summary.BestEpoch, summary.TrainSeconds));
        Assert.Equal((2, 40L), (summary.FittedEpoch, summary.FittedStep));
        Assert.Equal((100.0, 97.5), (summary.Final["train/accuracy"], summary.Best["train/accuracy"]));
        Assert.True(double.IsNaN(summary.Final["test/loss"]));
        var test = summary.Splits["test"];
        Assert.Equal([[8L, 2], [1, 9]], test.Confusion);
        Assert.Equal(new ReliabilityBin(0.9, 1, 20, 0.95, 0.85), Assert.Single(test.Reliability));
        Assert.Equal((0.1, 0.2, 0.86, 0.85, 0.84, 0.83, 0.7, 0.6),
            (test.CalibrationError, test.CalibrationPlainSum, test.MacroPrecision, test.MacroRecall,
                test.MacroF1, test.WeightedF1, test.Matthews, test.Youden));
        Assert.Equal([1], test.UndefinedClasses);
        Assert.Equal([new LayerSummary("fc1.weight", 4, 3, 1.5, 0.9, -0.5, 0.75, 0.3) { SpikeShare = 0.25 }], summary.Layers);
    }

    [Fact]
    public async Task What_a_later_attempt_goes_over_again_does_not_hold_any_more()
    {
        using var client = await host.UserAsync();
        var run = await FinishedAsync(client);

        await host.Database.StartAttemptAsync(run, attempt: 2, resumedStep: 40);
        // Found finished: nothing is trained again.
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync($"/api/v1/runs/{run}/summary")).StatusCode);

        await host.Database.StartAttemptAsync(run, attempt: 3, resumedStep: 20);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync($"/api/v1/runs/{run}/summary")).StatusCode);
    }

    [Fact]
    public async Task A_summary_of_another_version_is_as_none()
    {
        using var client = await host.UserAsync();
        var run = await FinishedAsync(client, """{"state":"Succeeded"}""");

        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync($"/api/v1/runs/{run}/summary")).StatusCode);
    }

    [Fact]
    public async Task Filters_come_by_themselves_and_series_margins_and_measures_with_the_rest()
    {
        using var client = await host.UserAsync();
        var run = await FinishedAsync(client, Whole.Replace("\"splits\"", """
            "filters":[{"epoch":3,"layer":"fc1.weight","channels":1,"height":1,"width":2,"units":5,"non_zeros":9,"count":10,"locality":0.5,
              "filters":[{"unit":4,"largest":0.25,"non_zeros":2,"values":"f4E="}]}],
            "series":{"test/loss":{"final":1,"min":0.5,"max":2,"mean":1.25,"count":4}},"measures":{"log_path_norm":3.5},
            "nearly_fitted_epoch":1,"restored_epoch":1,"splits"
            """));

        var summary = await client.GetAsync<JsonObject>($"/api/v1/runs/{run}/summary");
        var filters = await client.GetAsync<JsonArray>($"/api/v1/runs/{run}/filters");

        Assert.False(summary.ContainsKey("filters"));
        Assert.Equal(
            (1.25, 3.5, 1, 1),
            ((double)summary["series"]!["test/loss"]!["mean"]!, (double)summary["measures"]!["log_path_norm"]!,
                (int)summary["nearlyFittedEpoch"]!, (int)summary["restoredEpoch"]!));
        var one = Assert.Single(filters)!;
        Assert.Equal((3, 9L, "f4E="), ((int)one["epoch"]!, (long)one["nonZeros"]!, (string)one["filters"]![0]!["values"]!));
        Assert.Empty(await client.GetAsync<JsonArray>($"/api/v1/runs/{await FinishedAsync(client)}/filters"));
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/api/v1/runs/999999/filters")).StatusCode);
    }

    [Fact]
    public async Task Measures_of_a_study_are_those_of_the_runs_that_stopped_at_one_loss()
    {
        using var client = await host.UserAsync();
        var runs = new List<long>();
        long study = 0;
        // Gap and measure go together but for the last two; one run has ended otherwise, and one at another loss.
        foreach (var (gap, measure, because) in new[]
            {
                (1.0, 10.0, "the training loss is below 0.01"), (2, 20, "the training loss is below 0.01"),
                (4, 30, "the training loss is below 0.01"), (3, 40, "the training loss is below 0.01"), (9, 1, "all epochs done"),
                (8, 2, "the training loss is below 1.5"),
            })
        {
            var run = await FinishedAsync(client, Whole.Replace("all epochs done", because)
                .Replace("\"test/loss\":\"NaN\"", $"\"gap\":{gap},\"train/loss\":0.009")
                .Replace("\"splits\"", $"\"measures\":{{\"log_path_norm\":{measure},\"broken\":\"NaN\"}},\"splits\""));
            var own = await host.Database.ScalarAsync<long>("select study_id from runs where id = @run", new { run });
            if (study == 0) study = own;
            await host.Database.ScalarAsync<int>("update runs set study_id = @study where id = @run returning 1", new { run, study });
            runs.Add(run);
        }

        var measured = await client.GetAsync<JsonObject>($"/api/v1/studies/{study}/measures");

        Assert.Equal(runs[..4], measured["compared"]!.AsArray().Select(id => (long)id!));
        Assert.Equal(runs[4..], measured["leftOut"]!.AsArray().Select(id => (long)id!));
        var (name, path) = Assert.Single(measured["measures"]!.AsObject());
        Assert.Equal("log_path_norm", name);
        Assert.Equal(4.0 / 6, (double)path!["kendallTau"]!, 12); // five pairs agree, one does not
        Assert.Equal(0.009, (double)path["points"]![0]!["trainLoss"]!);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/api/v1/studies/999999/measures")).StatusCode);
    }

    [Fact]
    public async Task It_stands_in_the_description_of_the_API()
    {
        using var client = await host.UserAsync();

        var paths = (await client.GetAsync<JsonObject>("/api/openapi.json"))["paths"]!;
        var answers = paths["/api/v1/runs/{id}/summary"]!["get"]!["responses"]!.AsObject();

        Assert.Equal(["200", "401", "404", "429"], answers.Select(answer => answer.Key).Order());
    }

    private async Task<long> FinishedAsync(HttpClient client, string summary = Whole)
    {
        var run = await client.SubmitAsync();
        await host.Database.StartAttemptAsync(run);
        await host.Database.ScalarAsync<int>(
            "insert into run_summaries (run_id, attempt, step, summary) values (@run, 1, 40, @summary::json) returning 1",
            new { run, summary });
        return run;
    }

    private const string Whole =
        """
        {"state":"Succeeded","epochs":2,"steps":40,"ended_because":"all epochs done",
         "final":{"train/accuracy":100,"test/loss":"NaN"},"best":{"train/accuracy":97.5},
         "best_epoch":1,"train_seconds":12.5,"weights_sha256":"abc","fitted_epoch":2,"fitted_step":40,
         "splits":{"test":{"confusion":[[8,2],[1,9]],
           "reliability":[{"low":0.9,"high":1,"count":20,"confidence":0.95,"accuracy":0.85}],
           "calibration_error":0.1,"calibration_plain_sum":0.2,"macro_precision":0.86,"macro_recall":0.85,"macro_f1":0.84,
           "weighted_f1":0.83,"matthews":0.7,"youden":0.6,"undefined_classes":[1]}},
         "layers":[{"name":"fc1.weight","count":4,"non_zeros":3,"l1":1.5,"frobenius":0.9,"min":-0.5,"max":0.75,
           "spike_share":0.25,"from_init":0.3}],"something_new":{}}
        """;
}
