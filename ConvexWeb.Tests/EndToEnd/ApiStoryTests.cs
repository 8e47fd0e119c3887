using System.Net;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>The same product from a script, with a token that was made on the account page.</summary>
[Collection(ProductCollection.Name)]
public sealed class ApiStoryTests(Product product)
{
    private const string Short = """
        {"model":{"name":"mlp","width":32},"data":{"name":"glyphs","train_size":300,"test_size":100},
            "training":{"epochs":4,"batch_size":50,"points_every":2}}
        """;

    private const string Endless = """
        {"model":{"name":"mlp","width":32},"data":{"name":"glyphs","train_size":300,"test_size":100},
            "training":{"epochs":100000,"batch_size":50,"points_every":50}}
        """;

    [Fact]
    public async Task A_script_submits_lists_reads_points_downloads_and_cancels()
    {
        using var client = await product.Installation.ClientAsync();
        var runs = await client.SubmitAsync(Short, [0, 1]);
        foreach (var run in runs) await product.Installation.Database.UntilAsync(run, RunState.Succeeded);

        var listed = await client.GetAsync<Page<RunRow>>($"/api/v1/runs?{string.Join('&', runs.Select(run => $"ids={run}"))}");
        Assert.Equal(runs.OrderDescending(), listed.Items.Select(row => row.Id));
        Assert.All(listed.Items, row => Assert.Equal((RunState.Succeeded, 24L, "ada"), (row.State, row.Step, row.CreatedBy)));

        var points = await client.GetAsync<PointBatch>($"/api/v1/runs/{runs[0]}/points");
        var losses = points.Series.Single(series => series.Metric == "train/loss_running");
        Assert.Equal(Enumerable.Range(1, 12).Select(point => 2L * point), losses.Steps);
        Assert.Equal([6L, 12, 18, 24], points.Series.Single(series => series.Metric == "gap").Steps);

        var detail = await client.GetAsync<RunDetail>($"/api/v1/runs/{runs[0]}");
        Assert.Equal(
            detail.Checkpoints[0].Bytes, (await client.GetByteArrayAsync($"/api/v1/checkpoints/{detail.Checkpoints[0].Id}")).Length);
        Assert.Contains("glyphs", await client.GetStringAsync("/api/v1/catalog"), StringComparison.Ordinal);

        var endless = await client.SubmitAsync(Endless, 3);
        await product.Installation.Database.UntilAsync("select step > 100 from runs where id = @endless", new { endless });
        var asked = TimeProvider.System.GetTimestamp();
        await (await client.PostAsync($"/api/v1/runs/{endless}/cancel", null)).ReadAsync<JsonObject>();
        await product.Installation.Database.UntilAsync(endless, RunState.Cancelled);
        Assert.True(TimeProvider.System.GetElapsedTime(asked) < new WorkerSettings().StopPatience);
        Assert.Contains((await client.GetAsync<RunDetail>($"/api/v1/runs/{endless}")).Checkpoints, checkpoint => checkpoint.Kind == "last");
        Assert.Equal(HttpStatusCode.Conflict, (await client.PostAsync($"/api/v1/runs/{endless}/cancel", null)).StatusCode);
    }
}
