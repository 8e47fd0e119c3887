using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Trainers;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Specs;
using Dapper;

namespace ConvexWeb.Tests.Api;

[Trait("kind", "database")]
public sealed class SubmitTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task A_grid_and_seeds_become_one_study_with_a_run_each_and_all_are_queued()
    {
        using var client = await host.UserAsync();
        var announced = host.Queue.Announced;
        using var response = await client.PostJsonAsync("/api/v1/runs",
            $$"""
            {
              "name":"who memorises?","spec":{{StoredRun.Spec}},
              "grid":{"convexity.name":["none","exp_eps"],"labels.name":["true","random"]},"seeds":[0,1],"priority":"high"
            }
            """);
        var answer = await response.ReadAsync<JsonObject>(HttpStatusCode.Created);
        var ids = answer["runIds"].Deserialize<long[]>()!;

        var page = await client.GetAsync<Page<RunRow>>($"/api/v1/runs?studyId={answer["studyId"]}");
        Assert.Equal(8, page.Total);
        Assert.Equal(ids.OrderDescending(), page.Items.Select(run => run.Id));
        Assert.All(page.Items, run => Assert.Equal(
            (RunState.Queued, "who memorises?", "mlp", "glyphs"), (run.State, run.Study, run.Model, run.Dataset)));
        Assert.Equal(4, page.Items.Select(run => run.GroupKey).Distinct().Count());
        Assert.Equal(4, page.Items.Select(run => (run.Convexity, run.Labels)).Distinct().Count());
        Assert.Equal(4, page.Items.Select(run => run.Name).Distinct().Count());
        Assert.Equal(8, page.Items.Select(run => (run.Name, run.Seed)).Distinct().Count());
        Assert.Equal(ids, await host.Database.RowsAsync<long>(
            "select run_id from work_items where run_id = any(@ids) and priority = 4 and queue = 'cpu' order by run_id", new { ids }));
        Assert.True(host.Queue.Announced > announced);
    }

    [Fact]
    public async Task The_spec_is_stored_whole_in_the_order_of_the_catalogue()
    {
        using var client = await host.UserAsync();
        var run = await client.GetAsync<RunDetail>($"/api/v1/runs/{await client.SubmitAsync()}");

        Assert.Equal(
            [
                "spec_version", "model", "convexity", "data", "labels", "pixels", "augmentation", "regularization", "optimizer", "schedule",
                "annealing", "training",
            ],
            run.Spec.EnumerateObject().Select(field => field.Name));
        Assert.Equal(32, run.Spec.GetProperty("model").GetProperty("width").GetInt32());
        Assert.True(run.Parameters > 0 && run.Row.TotalSteps == 2 * run.StepsPerEpoch);
    }

    [Fact]
    public async Task A_run_of_the_first_version_is_shown_in_todays_words_and_trained_in_its_own()
    {
        using var client = await host.UserAsync();
        var id = await client.SubmitAsync();
        await using (var connection = await host.Database.OpenConnectionAsync())
            await connection.ExecuteAsync(
                "update runs set spec = @spec::json where id = @id",
                new { id, spec = """{"model":{"name":"cycle_mlp","size":"tiny"},"data":{"name":"glyphs","resize":64}}""" });

        var run = await client.GetAsync<RunDetail>($"/api/v1/runs/{id}");
        var (sent, _) = await new StoredSpecs(host.Database).ReadAsync(id, CancellationToken.None);

        Assert.Equal("strict", run.Spec.GetProperty("model").GetProperty("mode").GetString());
        Assert.Equal(2, run.Spec.GetProperty("spec_version").GetInt32());
        Assert.StartsWith("""{"spec_version":1,""", sent, StringComparison.Ordinal);
        var trained = SpecReader.Read(sent).Spec!;
        Assert.Equal(Fidelity.Strict, ((CycleMlpOptions)trained.Model).Mode);
    }

    [Fact]
    public async Task When_the_database_refuses_one_run_nothing_of_the_study_is_stored()
    {
        using var client = await host.UserAsync();
        var before = await CountAsync();
        await using (var connection = await host.Database.OpenConnectionAsync())
            await connection.ExecuteAsync("alter table runs add constraint not_this_one check (seed <> 424242)");
        using var response = await client.PostJsonAsync("/api/v1/runs", $$"""{"spec":{{StoredRun.Spec}},"seeds":[1,424242]}""");

        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.DoesNotContain("not_this_one", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(before, await CountAsync());
    }

    public static TheoryData<string, string> Malformed => new()
    {
        { "", "" },
        { "", "{" },
        { "", "[]" },
        { "", "\"text\"" },
        { "", "null" },
        { "", "{\"spec\":{},}" },
        { "", "{\"spec\":{\"optimizer\":{\"name\":\"adam\",\"lr\":NaN}}}" },
        { "spec", "{\"spec\":{},\"spec\":{}}" },
        { "model.width", "{\"spec\":{\"model\":{\"name\":\"mlp\",\"width\":1,\"width\":2}},\"grid\":{\"model.width\":[3]}}" },
        { "", Deep(40) },
        { "spec", "{}" },
        { "spec", "{\"spec\":null}" },
        { "spec", "{\"spec\":[]}" },
        { "spec", "{\"spec\":\"mlp\"}" },
        { "colour", "{\"spec\":{},\"colour\":1}" },
        { "name", "{\"spec\":{},\"name\":5}" },
        { "name", $"{{\"spec\":{{}},\"name\":\"{new string('x', 300)}\"}}" },
        { "name", "{\"spec\":{},\"name\":\"a\\u0000b\"}" },
        { "name", "{\"spec\":{},\"name\":\"a\\ud800b\"}" },
        { "name", "{\"spec\":{},\"name\":\"a\\udc00\"}" },
        { "", "{\"spec\":{},\"\\ud800\":1}" },
        { "model.name", "{\"spec\":{\"model\":{\"name\":\"\\ud800\"}}}" },
        { "model.name", "{\"spec\":{\"model\":{\"name\":\"mlp\\u0000\"}}}" },
        { "grid", "{\"spec\":{},\"grid\":{\"\\ud800\":[1]}}" },
        { "grid.convexity.name[1]", "{\"spec\":{},\"grid\":{\"convexity.name\":[\"none\",\"\\ud800\"]}}" },
        { "seeds", "{\"spec\":{},\"seeds\":[]}" },
        { "seeds", "{\"spec\":{},\"seeds\":3}" },
        { "seeds", "{\"spec\":{},\"seeds\":null}" },
        { "seeds", "{\"spec\":{},\"seeds\":[1,1]}" },
        { "seeds", "{\"spec\":{},\"seeds\":[-1]}" },
        { "seeds[0]", "{\"spec\":{},\"seeds\":[1.5]}" },
        { "seeds[1]", "{\"spec\":{},\"seeds\":[0,\"1\"]}" },
        { "seeds[0]", "{\"spec\":{},\"seeds\":[99999999999]}" },
        { "priority", "{\"spec\":{},\"priority\":5}" },
        { "priority", "{\"spec\":{},\"priority\":\"High\"}" },
        { "priority", "{\"spec\":{},\"priority\":\"urgent\"}" },
        { "queue", "{\"spec\":{},\"queue\":\"Big GPU\"}" },
        { "queue", "{\"spec\":{},\"queue\":7}" },
        { "maxRunning", "{\"spec\":{},\"maxRunning\":0}" },
        { "maxRunning", "{\"spec\":{},\"maxRunning\":\"two\"}" },
        { "grid", "{\"spec\":{},\"grid\":[]}" },
        { "grid.optimizer.lr", "{\"spec\":{},\"grid\":{\"optimizer.lr\":0.1}}" },
        { "grid.optimizer.lr", "{\"spec\":{},\"grid\":{\"optimizer.lr\":[]}}" },
        { "grid.optimizer.lr", "{\"spec\":{},\"grid\":{\"optimizer.lr\":[0.1,0.1]}}" },
        { "grid.optimizer.lr", "{\"spec\":{\"optimizer\":{\"name\":\"adam\"}},\"grid\":{\"optimizer.lr\":[0.1,-1]}}" },
        { "grid.optimizer.lr", "{\"spec\":{\"optimizer\":{\"name\":\"adam\"}},\"grid\":{\"optimizer.lr\":[{}]}}" },
        { "grid.nowhere.x", "{\"spec\":{},\"grid\":{\"nowhere.x\":[1]}}" },
        { "grid.optimizer", "{\"spec\":{},\"grid\":{\"optimizer\":[1]}}" },
        { "grid.convexity.name", "{\"spec\":{},\"grid\":{\"convexity.name\":[\"none\",\"very\"]}}" },
        { "model.name", "{\"spec\":{\"model\":{\"name\":\"resnet\"}}}" },
        { "model.name", "{\"spec\":{\"model\":{\"name\":7}}}" },
        { "model.name", "{\"spec\":{\"model\":{}}}" },
        { "model", "{\"spec\":{\"model\":\"mlp\"}}" },
        { "model.width", "{\"spec\":{\"model\":{\"name\":\"mlp\",\"width\":\"wide\"}}}" },
        { "model.width", "{\"spec\":{\"model\":{\"name\":\"mlp\",\"width\":0}}}" },
        { "model.width", "{\"spec\":{\"model\":{\"name\":\"mlp\",\"width\":1.5}}}" },
        { "model.colour", "{\"spec\":{\"model\":{\"name\":\"mlp\",\"colour\":1}}}" },
        { "weather", "{\"spec\":{\"weather\":{}}}" },
        { "optimizer.lr", "{\"spec\":{\"optimizer\":{\"name\":\"adam\",\"lr\":\"NaN\"}}}" },
        { "optimizer.lr", "{\"spec\":{\"optimizer\":{\"name\":\"adam\",\"lr\":1e999}}}" },
        { "optimizer.lr", "{\"spec\":{\"optimizer\":{\"name\":\"adam\",\"lr\":-0.1}}}" },
        { "optimizer.lr", "{\"spec\":{\"optimizer\":{\"name\":\"adam\",\"lr\":null}}}" },
        { "training.epochs", "{\"spec\":{\"training\":{\"epochs\":0}}}" },
        { "training.batch_size", "{\"spec\":{\"training\":{\"batch_size\":1000000}}}" },
        { "data.train_limit", "{\"spec\":{\"data\":{\"name\":\"cifar10\",\"train_limit\":60000}}}" },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task Malformed_input_gets_a_sentence_for_the_field_and_nothing_is_stored(string field, string json)
    {
        using var client = await host.UserAsync();
        var before = await CountAsync();

        using var response = await client.PostJsonAsync("/api/v1/runs", json);

        var problems = await response.ProblemsAsync();
        Assert.True(problems.ContainsKey(field), $"{field} is not among {string.Join(", ", problems.Keys)}");
        Assert.All(problems.Values.SelectMany(sentences => sentences), sentence =>
        {
            Assert.EndsWith(".", sentence, StringComparison.Ordinal);
            Assert.InRange(sentence.Length, 10, 400);
            Assert.DoesNotContain("System.", sentence, StringComparison.Ordinal);
        });
        Assert.Equal(before, await CountAsync());
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    public async Task Another_content_type_is_refused(string type)
    {
        using var client = await host.UserAsync();
        using var response = await client.PostAsync(
            "/api/v1/runs", new StringContent($$"""{"spec":{{StoredRun.Spec}}}""", Encoding.UTF8, type));

        Assert.Contains("application/json", (await response.ProblemsAsync())[""].Single(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_huge_body_is_refused(bool lengthIsTold)
    {
        using var client = await host.UserAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/runs")
        {
            Content = new StringContent("{\"name\":\"" + new string('x', 2_000_000) + "\"}", Encoding.UTF8, "application/json"),
        };
        request.Headers.TransferEncodingChunked = !lengthIsTold;
        using var response = await client.SendAsync(request);

        Assert.Contains("larger than", (await response.ProblemsAsync())[""].Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_problems_are_told_at_once()
    {
        using var client = await host.UserAsync();
        using var response = await client.PostJsonAsync("/api/v1/runs",
            """{"spec":{"model":{"name":"mlp","width":0},"optimizer":{"name":"adam","lr":-1},"training":{"epochs":0}}}""");

        Assert.Equal(["model.width", "optimizer.lr", "training.epochs"], (await response.ProblemsAsync()).Keys.Order());
    }

    [Fact]
    public async Task More_runs_than_a_study_may_have_are_refused_before_any_is_made()
    {
        using var client = await host.UserAsync();
        var seeds = string.Join(',', Enumerable.Range(0, 300));
        using var response = await client.PostJsonAsync("/api/v1/runs",
            $$$"""{"spec":{},"seeds":[{{{seeds}}}],"grid":{"labels.name":["true","random"]}}""");

        Assert.Contains("600", (await response.ProblemsAsync())["grid"].Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Varying_a_name_drops_the_fields_of_the_other_choice_but_not_mistakes()
    {
        using var client = await host.UserAsync();
        using var good = await client.PostJsonAsync("/api/v1/runs",
            """{"spec":{"convexity":{"name":"exp_eps","eps":4}},"grid":{"convexity.name":["none","exp_eps"]}}""");
        using var bad = await client.PostJsonAsync("/api/v1/runs",
            """{"spec":{"convexity":{"name":"exp_eps","epps":4}},"grid":{"convexity.name":["none","exp_eps"]}}""");

        Assert.Equal(HttpStatusCode.Created, good.StatusCode);
        Assert.Contains("convexity.epps", (await bad.ProblemsAsync()).Keys);
    }

    [Fact]
    public async Task Check_tells_the_problems_of_a_spec_or_what_it_costs()
    {
        using var client = await host.UserAsync();

        var good = await (await client.PostJsonAsync("/api/v1/specs/check", StoredRun.Spec)).ReadAsync<SpecCheck>();
        using var refused = await client.PostJsonAsync("/api/v1/specs/check", """{"model":{"name":"mlp","width":0}}""");
        var bad = await refused.ReadAsync<SpecCheck>();

        Assert.True(good is { Problems.Count: 0, Estimate.Parameters: > 0 });
        Assert.True(bad is { Problems: [{ Path: "model.width" }], Estimate: null });
    }

    private static string Deep(int levels) => "{\"spec\":" + new string('[', levels) + new string(']', levels) + "}";

    private async Task<(long, long)> CountAsync()
    {
        await using var connection = await host.Database.OpenConnectionAsync();
        return await connection.QuerySingleAsync<(long, long)>("select (select count(*) from studies), (select count(*) from runs)");
    }
}
