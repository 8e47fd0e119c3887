using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Api;

[Trait("kind", "database")]
public sealed class PointsTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task Pages_of_points_follow_one_another_without_a_hole()
    {
        using var client = await host.UserAsync();
        var id = await StartedAsync(client);
        await host.Database.AddPointsAsync(id, 1, "train/loss", [.. Enumerable.Range(1, 25).Select(step => ((long)step, 1.0 / step))]);

        var steps = new List<long>();
        var after = 0L;
        PointBatch batch;
        do
        {
            batch = await client.GetAsync<PointBatch>($"/api/v1/runs/{id}/points?after={after}&limit=10");
            Assert.Equal(after, batch.After);
            steps.AddRange(batch.Series.SelectMany(series => series.Steps));
            after = batch.Seq;
        }
        while (batch.More);

        Assert.Equal(Enumerable.Range(1, 25).Select(step => (long)step), steps);
        Assert.Equal(25, batch.Seq);
        Assert.NotNull(batch.At);
        Assert.Empty((await client.GetAsync<PointBatch>($"/api/v1/runs/{id}/points?after=25")).Series);
    }

    [Fact]
    public async Task Points_are_read_by_metric_and_range_of_steps()
    {
        using var client = await host.UserAsync();
        var id = await StartedAsync(client);
        await host.Database.AddPointsAsync(id, 1, "train/loss", (1, 1), (2, 2), (3, 3), (4, 4));
        await host.Database.AddPointsAsync(id, 1, "test/loss", (2, 20), (4, 40));

        var batch = await client.GetAsync<PointBatch>($"/api/v1/runs/{id}/points?fromStep=2&toStep=3&metrics=train/loss");
        var both = await client.GetAsync<PointBatch>($"/api/v1/runs/{id}/points?metrics=train/loss&metrics=test/loss");

        var series = Assert.Single(batch.Series);
        Assert.Equal(("train/loss", 2.0, 3.0), (series.Metric, series.Values[0], series.Values[1]));
        Assert.Equal([2L, 3L], series.Steps);
        Assert.Equal(["test/loss", "train/loss"], both.Series.Select(one => one.Metric));
        Assert.Equal(6, batch.Seq);
    }

    [Fact]
    public async Task A_resumed_attempt_supersedes_the_later_steps_of_the_one_before()
    {
        using var client = await host.UserAsync();
        var id = await StartedAsync(client);
        await host.Database.AddPointsAsync(id, 1, "train/loss", (10, 1), (20, 2), (30, 3), (40, 4));
        var before = await client.GetAsync<PointBatch>($"/api/v1/runs/{id}/points");
        await host.Database.StartAttemptAsync(id, attempt: 2, resumedStep: 20);
        await host.Database.AddPointsAsync(id, 2, "train/loss", (30, 33), (40, 44), (50, 55));

        var whole = await client.GetAsync<PointBatch>($"/api/v1/runs/{id}/points");
        var news = await client.GetAsync<PointBatch>($"/api/v1/runs/{id}/points?after={before.Seq}");
        var later = await client.GetAsync<PointBatch>($"/api/v1/runs/{id}/points?after={news.Seq}");

        Assert.Equal([10L, 20, 30, 40, 50], whole.Series[0].Steps);
        Assert.Equal([1.0, 2, 33, 44, 55], whole.Series[0].Values);
        Assert.Null(whole.Rewind);
        Assert.Equal((20L, 2), (news.Rewind, news.Attempt));
        Assert.Equal([30L, 40, 50], news.Series[0].Steps);
        Assert.Null(later.Rewind);
    }

    [Fact]
    public async Task A_fresh_start_supersedes_everything_but_an_evaluation_before_the_first_step()
    {
        using var client = await host.UserAsync();
        var id = await StartedAsync(client);
        await host.Database.AddPointsAsync(id, 1, "gap", (0, 0.5), (5, 1), (9, 2));
        await host.Database.StartAttemptAsync(id, attempt: 2);
        await host.Database.AddPointsAsync(id, 2, "gap", (0, 0.25), (5, 3));

        var whole = await client.GetAsync<PointBatch>($"/api/v1/runs/{id}/points");

        Assert.Equal([0L, 5], whole.Series[0].Steps);
        Assert.Equal([0.25, 3], whole.Series[0].Values);
    }

    [Fact]
    public async Task What_is_not_a_number_travels_as_a_word()
    {
        using var client = await host.UserAsync();
        var id = await StartedAsync(client);
        await host.Database.AddPointsAsync(
            id, 1, "train/loss", (1, double.NaN), (2, double.PositiveInfinity), (3, double.NegativeInfinity));

        Assert.Contains(
            "\"values\":[\"NaN\",\"Infinity\",\"-Infinity\"]",
            await client.GetStringAsync($"/api/v1/runs/{id}/points"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("after=-1", "after")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=100001", "limit")]
    [InlineData("fromStep=x", "fromStep")]
    [InlineData("fromStep=5&toStep=4", "toStep")]
    public async Task A_wrong_query_is_told_by_its_field(string query, string field)
    {
        using var client = await host.UserAsync();
        using var response = await client.GetAsync($"/api/v1/runs/1/points?{query}");

        Assert.Contains(field, (await response.ProblemsAsync()).Keys);
    }

    private async Task<long> StartedAsync(HttpClient client)
    {
        var id = await client.SubmitAsync();
        await host.Database.StartAttemptAsync(id);
        return id;
    }
}
