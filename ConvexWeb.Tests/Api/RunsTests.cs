using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Runs;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Api;

[Trait("kind", "database")]
public sealed class RunsTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task Pages_hold_every_run_once_newest_first_whatever_is_added_meanwhile()
    {
        using var client = await host.UserAsync();
        using var submitted = await client.PostJsonAsync(
            "/api/v1/runs", $$"""{"spec":{{StoredRun.Spec}},"seeds":[0,1,2,3,4,5,6]}""");
        var answer = await submitted.ReadAsync<JsonObject>(HttpStatusCode.Created);
        var ids = answer["runIds"]!.AsArray().Select(id => (long)id!).ToList();

        var seen = new List<long>();
        string? after = null;
        do
        {
            var page = await client.GetAsync<ListedRuns>(
                $"/api/v1/runs?studyId={answer["studyId"]}&limit=3" + (after is null ? "" : $"&after={after}"));
            Assert.Equal(after is null ? 7L : (long?)null, page.Total); // counted once
            seen.AddRange(page.Items.Select(run => run.Id));
            await client.SubmitAsync();
            after = page.Next;
        }
        while (after is not null);

        Assert.Equal(ids.OrderDescending(), seen);

        // One may jump to a place, and go on from there.
        var third = await client.GetAsync<ListedRuns>($"/api/v1/runs?studyId={answer["studyId"]}&limit=2&skip=3");
        Assert.Equal(7, third.Total);
        Assert.Equal($"{ids[2]}", third.Next);
        Assert.Equal([ids[3], ids[2]], third.Items.Select(run => run.Id));
        var rest = await client.GetAsync<ListedRuns>($"/api/v1/runs?studyId={answer["studyId"]}&after={third.Next}");
        Assert.Equal([ids[1], ids[0]], rest.Items.Select(run => run.Id));
        Assert.Empty((await client.GetAsync<ListedRuns>($"/api/v1/runs?studyId={answer["studyId"]}&skip=7")).Items);
    }

    [Theory]
    [InlineData("elephant", 2)]
    [InlineData("ELEPH", 2)]
    [InlineData("elephant exp_eps", 1)]
    [InlineData("elephant glyphs mlp", 2)]
    [InlineData("elephant%25", 0)]
    [InlineData("eleph_nt", 0)]
    public async Task Search_finds_runs_that_hold_every_word(string search, int expected)
    {
        using var client = await host.UserAsync();
        if ((await client.GetAsync<Page<RunRow>>("/api/v1/runs?search=elephant")).Total == 0)
            await client.PostJsonAsync("/api/v1/runs",
                $$$"""{"name":"Elephant memory","spec":{{{StoredRun.Spec}}},"grid":{"convexity.name":["none","exp_eps"]}}""");

        Assert.Equal(expected, (await client.GetAsync<Page<RunRow>>($"/api/v1/runs?search={search}")).Total);
    }

    [Fact]
    public async Task Several_runs_come_whole_as_each_does_alone()
    {
        using var client = await host.UserAsync();
        var (first, second) = (await client.SubmitAsync(), await client.SubmitAsync());
        await host.Database.StartAttemptAsync(first);
        await host.Database.StartAttemptAsync(first, attempt: 2);
        await host.Database.ScalarAsync<long?>(
            """
            insert into checkpoints (run_id, attempt, kind, step, bytes, sha256) values (@first, 2, 'last', 5, 100, 'abc') returning step
            """, new { first });

        var several = await client.GetAsync<List<RunDetail>>($"/api/v1/runs/details?ids={second}&ids={first}&ids=999999");

        Assert.Equal([first, second], several.Select(run => run.Row.Id));
        Assert.Equal(2, several[0].Attempts.Count);
        Assert.Equal(5, several[0].Checkpoints.Single().Step);
        Assert.NotNull(several[1].Row.Reason);
        foreach (var run in several)
        {
            var alone = await client.GetAsync<JsonNode>($"/api/v1/runs/{run.Row.Id}");
            Assert.True(JsonNode.DeepEquals(alone, JsonSerializer.SerializeToNode(run, Answers.Json)), alone.ToJsonString());
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(101)]
    public async Task No_runs_whole_or_too_many_are_told_by_their_field(int count)
    {
        using var client = await host.UserAsync();
        var query = "?" + string.Join('&', Enumerable.Range(1, count).Select(id => $"ids={id}"));

        Assert.Equal(["ids"], (await (await client.GetAsync("/api/v1/runs/details" + query)).ProblemsAsync()).Keys);
    }

    [Fact]
    public async Task A_run_that_waits_says_for_what()
    {
        using var client = await host.UserAsync();
        using var submitted = await client.PostJsonAsync(
            "/api/v1/runs", $$"""{"spec":{{StoredRun.Spec}},"seeds":[0,1],"queue":"alone"}"""); // where no other test's runs wait
        var answer = await submitted.ReadAsync<JsonObject>(HttpStatusCode.Created);
        var ids = answer["runIds"]!.AsArray().Select(id => (long)id!).ToList();
        async Task<string?> ReasonAsync(long id) => (await client.GetAsync<RunDetail>($"/api/v1/runs/{id}")).Row.Reason;

        Assert.Contains("no worker that serves the queue \"alone\" is alive", await ReasonAsync(ids[0]), StringComparison.Ordinal);
        var listed = (await client.GetAsync<Page<RunRow>>($"/api/v1/runs?ids={ids[0]}")).Items[0];
        Assert.Contains("no worker", listed.Reason, StringComparison.Ordinal);

        await host.Database.ScalarAsync<int>(
            """
            insert into workers (name, host, slots, queues, started_at, last_seen)
            values ('busy', 'h', 1, 'alone', now(), now()) returning 1
            """);
        try
        {
            Assert.Equal("It is next, and waits for a free slot of a worker.", await ReasonAsync(ids[0]));
            Assert.Equal("1 item goes before it.", await ReasonAsync(ids[1]));
            Assert.Null((await client.GetAsync<Page<RunRow>>($"/api/v1/runs?ids={ids[0]}")).Items[0].Reason);
        }
        finally
        {
            await host.Database.ScalarAsync<int>("delete from workers where name = 'busy' returning 1");
        }
    }

    [Fact]
    public async Task Runs_are_listed_by_state_and_by_id()
    {
        using var client = await host.UserAsync();
        var (first, second) = (await client.SubmitAsync(), await client.SubmitAsync());
        await host.Database.StartAttemptAsync(second);

        Assert.Contains(
            (await client.GetAsync<Page<RunRow>>("/api/v1/runs?state=Running")).Items,
            run => run.Id == second && run.Worker == "worker-1");
        Assert.DoesNotContain((await client.GetAsync<Page<RunRow>>("/api/v1/runs?state=Running")).Items, run => run.Id == first);
        Assert.Equal(
            [second, first],
            (await client.GetAsync<Page<RunRow>>($"/api/v1/runs?ids={first}&ids={second}")).Items.Select(run => run.Id));
    }

    [Theory]
    [InlineData("state=Happy", "state")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=501", "limit")]
    [InlineData("limit=many", "limit")]
    [InlineData("limit=99999999999999999999", "limit")]
    [InlineData("studyId=x", "studyId")]
    [InlineData("ids=1&ids=x", "ids")]
    [InlineData("after=x", "after")]
    [InlineData("after=-1", "after")]
    [InlineData("after=%00", "after")]
    [InlineData("skip=-1", "skip")]
    [InlineData("skip=10000001", "skip")]
    [InlineData("skip=1&after=5", "skip")]
    [InlineData("search=%00", "search")]
    [InlineData("search=a%0Ab", "search")]
    public async Task A_wrong_query_is_told_by_its_field(string query, string field)
    {
        using var client = await host.UserAsync();
        using var response = await client.GetAsync($"/api/v1/runs?{query}");

        Assert.EndsWith(".", Assert.Single((await response.ProblemsAsync())[field]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_metric_that_no_text_may_hold_is_told_by_its_field()
    {
        using var client = await host.UserAsync();
        using var response = await client.GetAsync($"/api/v1/runs/{await client.SubmitAsync()}/points?metrics=gap&metrics=%00");

        Assert.EndsWith(".", Assert.Single((await response.ProblemsAsync())["metrics"]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/api/v1/runs/99999999")]
    [InlineData("GET", "/api/v1/runs/99999999/points")]
    [InlineData("GET", "/api/v1/runs/99999999/log")]
    [InlineData("GET", "/api/v1/runs/abc")]
    [InlineData("POST", "/api/v1/runs/99999999/cancel")]
    [InlineData("POST", "/api/v1/runs/99999999/rerun")]
    [InlineData("GET", "/api/v1/nothing")]
    public async Task What_is_not_there_is_a_problem_of_404(string method, string path)
    {
        using var client = await host.UserAsync();
        using var response = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        Assert.Equal(404, (int)(await response.ReadAsync<JsonObject>(HttpStatusCode.NotFound))["status"]!);
    }

    [Fact]
    public async Task A_queued_run_is_cancelled_at_once_and_taken_off_the_queue()
    {
        using var client = await host.UserAsync();
        var id = await client.SubmitAsync();

        var first = await (await client.PostAsync($"/api/v1/runs/{id}/cancel", null)).ReadAsync<ActionResult>();
        using var second = await client.PostAsync($"/api/v1/runs/{id}/cancel", null);

        Assert.True(first.Done);
        var run = await client.GetAsync<RunDetail>($"/api/v1/runs/{id}");
        Assert.True(run.Row is { State: RunState.Cancelled, FinishedAt: not null });
        var problem = await second.ReadAsync<JsonObject>(HttpStatusCode.Conflict);
        Assert.Contains("Cancelled", (string)problem["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_running_run_is_asked_to_stop()
    {
        using var client = await host.UserAsync();
        var id = await client.SubmitAsync();
        await host.Database.StartAttemptAsync(id);
        await using var worker = await host.Database.OpenConnectionAsync();
        var heard = new List<string>();
        worker.Notification += (_, notice) => heard.Add(notice.Payload);
        await worker.ExecuteAsync("listen convex_wishes");

        await (await client.PostAsync($"/api/v1/runs/{id}/cancel", null)).ReadAsync<ActionResult>();
        await (await client.PostAsync($"/api/v1/runs/{id}/cancel", null)).ReadAsync<ActionResult>();

        await worker.ExecuteAsync("select 1");
        Assert.Contains(await host.Database.ScalarAsync<string>("select id::text from work_items where run_id = @id", new { id }), heard);
        Assert.True((await client.GetAsync<RunDetail>($"/api/v1/runs/{id}")).Row is { State: RunState.Running, CancelRequested: true });
    }

    [Fact]
    public async Task A_rerun_is_a_new_run_of_the_same_spec_and_seed()
    {
        using var client = await host.UserAsync();
        var id = await client.SubmitAsync(",\"seeds\":[17],\"priority\":\"high\"");

        var answer = await (await client.PostAsync($"/api/v1/runs/{id}/rerun", null)).ReadAsync<ActionResult>(HttpStatusCode.Created);

        var old = await client.GetAsync<RunDetail>($"/api/v1/runs/{id}");
        var copy = await client.GetAsync<RunDetail>($"/api/v1/runs/{answer.NewRunId}");
        Assert.Equal((old.Row.GroupKey, 17, RunState.Queued, (long?)id), (copy.Row.GroupKey, copy.Row.Seed, copy.Row.State, copy.RerunOf));
        Assert.Equal(old.Spec.GetRawText(), copy.Spec.GetRawText());
        Assert.Equal(Priority.High, copy.Row.Priority);
        Assert.Equal(old.Row.StudyId, copy.Row.StudyId);
    }

    [Fact]
    public async Task A_strangers_rerun_is_in_a_study_of_the_strangers()
    {
        using var owner = await host.UserAsync();
        using var other = await host.UserAsync();
        var id = await owner.SubmitAsync(",\"name\":\"widths\"");

        var answer = await (await other.PostAsync($"/api/v1/runs/{id}/rerun", null)).ReadAsync<ActionResult>(HttpStatusCode.Created);

        var copy = (await other.GetAsync<RunDetail>($"/api/v1/runs/{answer.NewRunId}")).Row;
        Assert.NotEqual((await owner.GetAsync<RunDetail>($"/api/v1/runs/{id}")).Row.StudyId, copy.StudyId);
        Assert.Equal("widths (again)", copy.Study);
    }

    [Fact]
    public async Task The_log_is_read_on_from_where_one_was()
    {
        using var client = await host.UserAsync();
        var id = await client.SubmitAsync();
        Assert.Empty(await client.GetAsync<List<LogLine>>($"/api/v1/runs/{id}/log"));
        await using (var connection = await host.Database.OpenConnectionAsync())
        {
            await connection.ExecuteAsync(
                """
                insert into log_lines (run_id, attempt, n, at, level, text)
                select @id, 1, n, now(), (array['info', 'warning', 'error', 'stderr', 'info'])[n], 'line ' || n
                from generate_series(1, 5) n
                """, new { id });
        }

        var first = await client.GetAsync<List<LogLine>>($"/api/v1/runs/{id}/log?limit=3");
        var rest = await client.GetAsync<List<LogLine>>($"/api/v1/runs/{id}/log?after={first[^1].Id}");

        Assert.Equal(["line 1", "line 2", "line 3"], first.Select(line => line.Text));
        Assert.Equal(["line 4", "line 5"], rest.Select(line => line.Text));
        Assert.Equal(
            ["info", "warning", "error", "stderr", "info"],
            (await client.GetAsync<JsonArray>($"/api/v1/runs/{id}/log")).Select(line => (string?)line!["level"]));
    }

    [Fact]
    public async Task Newest_values_and_history_come_with_the_row_also_when_they_are_not_numbers()
    {
        using var client = await host.UserAsync();
        var id = await client.SubmitAsync();
        await using (var connection = await host.Database.OpenConnectionAsync())
        {
            await connection.ExecuteAsync(
                """
                update runs
                set latest = '{"train/accuracy": 99.5, "test/accuracy": 61, "gap": 38.5, "train/loss": "NaN"}',
                    spark = '[[1, 50, 40], [2, 99.5, 61]]'
                where id = @id
                """, new { id });
        }

        var run = await client.GetAsync<RunDetail>($"/api/v1/runs/{id}");

        Assert.Equal((99.5, 61.0, 38.5), (run.Row.TrainAccuracy, run.Row.TestAccuracy, run.Row.Gap));
        Assert.Equal(new GapPoint(2, 99.5, 61), run.Row.Spark[1]);
        Assert.True(double.IsNaN(run.Latest["train/loss"]));
    }

    [Fact]
    public async Task The_document_is_served_and_the_reference_page_shows_all_of_it()
    {
        using var client = await host.UserAsync();
        var document = await client.GetAsync<JsonObject>("/api/openapi.json");

        Assert.NotNull(document["paths"]!["/api/v1/runs/{id}/points"]);
        var models = document["components"]!["schemas"]!["Spec"]!["properties"]!["model"]!["oneOf"]!.AsArray();
        Assert.Equal("mlp", (string)models[0]!["properties"]!["name"]!["enum"]![0]!);
        var body = document["paths"]!["/api/v1/runs"]!["post"]!["requestBody"]!["content"]!["application/json"]!["schema"]!;
        Assert.Equal("#/components/schemas/Submission", (string)body["$ref"]!);

        var reference = await host.Services.GetRequiredService<IApiReference>().ReadAsync();
        var operations = reference.Groups.SelectMany(group => group.Operations).ToList();
        Assert.Equal(document["paths"]!.AsObject().Sum(path => path.Value!.AsObject().Count), operations.Count);
        var submit = operations.Single(operation => operation is { Method: "POST", Path: "/api/v1/runs" });
        Assert.Equal("Submission", submit.Body);
        Assert.Contains(new ApiAnswer("201", "Created", "Submitted"), submit.Answers);
        Assert.Contains("urgent", reference.Schemas.Single(schema => schema.Name == "Priority").Values);
        var state = operations.Single(operation => operation is { Method: "GET", Path: "/api/v1/runs" }).Parameters[0];
        Assert.Equal(("state", "RunState", false), (state.Name, state.Type, state.Required));
    }
}
