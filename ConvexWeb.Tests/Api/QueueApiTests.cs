using System.Net;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Api;

/// <summary>The queue and its rules over HTTP, and what may be done with whose runs.</summary>
[Trait("kind", "database")]
public sealed class QueueApiTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task The_queue_shows_order_reasons_and_when_each_is_expected_to_start()
    {
        var queue = $"q{Guid.NewGuid():N}"[..20];
        using var ada = await host.UserAsync();
        using var bob = await host.UserAsync();
        var first = await ada.SubmitAsync($",\"queue\":\"{queue}\"");
        var second = await ada.SubmitAsync($",\"queue\":\"{queue}\"");
        var third = await bob.SubmitAsync($",\"queue\":\"{queue}\"");
        var high = await ada.SubmitAsync($",\"queue\":\"{queue}\",\"priority\":\"high\"");

        var alone = await ada.GetAsync<QueueView>($"/api/v1/queue?queue={queue}");
        Assert.Equal([high, third, first, second], alone.Items.Select(item => item.RunId));
        Assert.All(alone.Items, item => Assert.Equal(WaitCode.NoWorker, item.Code));

        await host.Database.ScalarAsync<int>(
            """
            insert into workers (name, host, slots, queues, started_at, last_seen)
            values (@queue, 'h', 1, @queue, now(), now() + interval '1 hour') returning 1
            """, new { queue });
        // A run of the same spec took a minute for its 100 steps.
        await host.Database.ScalarAsync<int>(
            """
            with done as (
                insert into runs (study_id, name, seed, spec, group_key, model, convexity, dataset, labels, parameters, epochs,
                    steps_per_epoch, total_steps)
                select study_id, name, seed, spec, group_key, model, convexity, dataset, labels, parameters, epochs, steps_per_epoch,
                    total_steps from runs where id = @first returning id, study_id),
            item as (
                insert into work_items (kind, run_id, study_id, created_by, queue, state, attempt, started_at, finished_at)
                select 'run', id, study_id, 'x', 'elsewhere', 'Succeeded', 1, now() - interval '1 minute', now() from done returning id)
            insert into attempts (item_id, number, worker, started_at, ended_at, outcome)
            select id, 1, 'w', now() - interval '1 minute', now(), 'succeeded' from item returning 1
            """, new { first });

        var view = await ada.GetAsync<QueueView>($"/api/v1/queue?queue={queue}");

        Assert.Equal([WaitCode.Next, WaitCode.Behind, WaitCode.Behind, WaitCode.Behind], view.Items.Select(item => item.Code));
        Assert.Equal([1L, 2, 3, 4], view.Items.Select(item => item.Place));
        Assert.Equal("2 items go before it.", view.Items[2].Why);
        var starts = view.Items.Select(item => (item.StartsAt!.Value - view.Items[0].StartsAt!.Value).TotalSeconds).ToList();
        Assert.Equal([0, 60, 120, 180], starts.Select(start => Math.Round(start)));
        Assert.Equal(4, view.Total);
    }

    [Theory]
    [InlineData("/api/v1/queue?limit=0", "limit")]
    [InlineData("/api/v1/queue?limit=1001", "limit")]
    public async Task What_cannot_be_asked_is_refused(string path, string field)
    {
        using var client = await host.UserAsync();
        Assert.Equal([field], (await (await client.GetAsync(path)).ProblemsAsync()).Keys);
    }

    [Fact]
    public async Task Administrators_change_the_policy_and_others_read_it()
    {
        using var user = await host.UserAsync();
        using var admin = await host.UserAsync(isAdmin: true);
        const string policy = """{"maintenance":"new disks","userRunning":3,"userWaiting":500,"studyRunning":null}""";

        Assert.Equal(HttpStatusCode.Forbidden, (await PutAsync(user, "/api/v1/queue/policy", policy)).StatusCode);
        using var changed = await PutAsync(admin, "/api/v1/queue/policy", policy);
        Assert.Equal(HttpStatusCode.OK, changed.StatusCode);

        Assert.Equal(new LabPolicy("new disks", 3, 500, null), await user.GetAsync<LabPolicy>("/api/v1/queue/policy"));
        var run = await user.SubmitAsync();
        Assert.Equal("Maintenance: new disks", (await user.GetAsync<RunDetail>($"/api/v1/runs/{run}")).Row.Reason);
        var wrong = await PutAsync(
            admin, "/api/v1/queue/policy", """{"maintenance":"","userRunning":0,"userWaiting":0,"studyRunning":0}""");
        Assert.Equal(
            ["maintenance", "studyRunning", "userRunning", "userWaiting"],
            (await wrong.ProblemsAsync()).Keys.Order(StringComparer.Ordinal));
        var blank = await PutAsync(
            admin, "/api/v1/queue/policy", """{"maintenance":"  ","userRunning":null,"userWaiting":2000,"studyRunning":null}""");
        Assert.Equal(["maintenance"], (await blank.ProblemsAsync()).Keys);
        await PutAsync(admin, "/api/v1/queue/policy", """{"maintenance":null,"userRunning":null,"userWaiting":2000,"studyRunning":null}""");
    }

    [Fact]
    public async Task A_user_has_a_weight_and_a_limit_when_an_administrator_says_so()
    {
        var name = (await host.AddUserAsync()).UserName!;
        using var admin = await host.UserAsync(isAdmin: true);
        using var user = await host.UserAsync();

        Assert.Equal(
            HttpStatusCode.Forbidden, (await PutAsync(user, $"/api/v1/queue/shares/{name}", """{"weight":3,"maxRunning":2}""")).StatusCode);
        await PutAsync(admin, $"/api/v1/queue/shares/{name}", """{"weight":3,"maxRunning":2}""");

        Assert.Contains(new UserShare(name, 3, 2), await user.GetAsync<List<UserShare>>("/api/v1/queue/shares"));
        Assert.Equal(["weight"], (await (await PutAsync(
            admin, $"/api/v1/queue/shares/{name}", """{"weight":0,"maxRunning":null}""")).ProblemsAsync()).Keys);
        Assert.Equal(["user"], (await (await PutAsync(
            admin, "/api/v1/queue/shares/stranger", """{"weight":1,"maxRunning":null}""")).ProblemsAsync()).Keys);
    }

    [Fact]
    public async Task Runs_are_paused_resumed_cancelled_and_requeued_by_their_creator_and_by_administrators_only()
    {
        using var owner = await host.UserAsync();
        using var other = await host.UserAsync();
        using var admin = await host.UserAsync(isAdmin: true);
        var run = await owner.SubmitAsync();

        foreach (var action in new[] { "pause", "resume", "cancel", "requeue" })
        {
            using var refused = await other.PostAsync($"/api/v1/runs/{run}/{action}", null);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
            var problem = await refused.ReadAsync<JsonObject>(HttpStatusCode.Forbidden);
            Assert.Contains("only", (string)problem["detail"]!, StringComparison.Ordinal);
            using var done = await (action is "pause" or "cancel" ? owner : admin).PostAsync($"/api/v1/runs/{run}/{action}", null);
            Assert.Equal(HttpStatusCode.OK, done.StatusCode);
        }
        Assert.Equal(RunState.Queued, (await owner.GetAsync<RunDetail>($"/api/v1/runs/{run}")).Row.State);
        using var again = await owner.PostAsync($"/api/v1/runs/{run}/resume", null);
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
    }

    [Fact]
    public async Task Many_runs_are_done_with_at_once_and_those_that_are_not_are_told()
    {
        using var owner = await host.UserAsync();
        using var other = await host.UserAsync();
        var (mine, ended, foreign) = (await owner.SubmitAsync(), await owner.SubmitAsync(), await other.SubmitAsync());
        await owner.PostAsync($"/api/v1/runs/{ended}/cancel", null);

        using var response = await owner.PostJsonAsync(
            "/api/v1/runs/actions", $$"""{"action":"cancel","ids":[{{mine}},{{ended}},{{foreign}},999999]}""");
        var result = await response.ReadAsync<BulkResult>();

        Assert.Equal(1, result.Done);
        Assert.Equal([ended, foreign, 999999], result.Refused.Select(refused => refused.RunId).Order());
        Assert.Equal(["ids"], (await (await owner.PostJsonAsync(
            "/api/v1/runs/actions", """{"action":"cancel","ids":[]}""")).ProblemsAsync()).Keys);
    }

    [Theory]
    [InlineData("""{"action":"explode","ids":[1]}""", "action", "action must be one of cancel, pause, resume, requeue.")]
    [InlineData("""{"action":"cancel","ids":["1"]}""", "ids[0]", "ids[0] must be a whole number.")]
    [InlineData("""{"action":"cancel","ids":null}""", "ids", "ids may not be null.")]
    [InlineData("", "", "The body is empty: send JSON.")]
    [InlineData("null", "", "The body is empty: send JSON.")]
    public async Task What_is_wrong_with_a_body_is_said_with_what_would_be_right(string body, string field, string message)
    {
        using var client = await host.UserAsync();
        using var response = await client.PostJsonAsync("/api/v1/runs/actions", body);

        Assert.Equal([message], (await response.ProblemsAsync())[field]);
    }

    [Theory]
    [InlineData("GET", "/api/v1/runs/99999999", HttpStatusCode.NotFound, "deleted, or never was")]
    [InlineData("GET", "/api/v1/workers/nobody/samples", HttpStatusCode.NotFound, "deleted, or never was")]
    [InlineData("DELETE", "/api/v1/queue", HttpStatusCode.MethodNotAllowed, "DELETE is not possible here; GET")]
    [InlineData("GET", "/api/v1/users", HttpStatusCode.Forbidden, "an administrator may")]
    public async Task No_refusal_is_without_a_sentence(string method, string path, HttpStatusCode status, string words)
    {
        using var browser = new Forms(host);
        (await browser.SignInAsync((await host.AddUserAsync()).UserName!)).Dispose();
        using var response = await browser.Client.SendAsync(new(new(method), path));

        Assert.Contains(words, (string)(await response.ReadAsync<JsonObject>(status))["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Priorities_are_changed_and_urgent_is_for_administrators()
    {
        using var owner = await host.UserAsync();
        using var admin = await host.UserAsync(isAdmin: true);
        var run = await owner.SubmitAsync();

        Assert.Equal(HttpStatusCode.Forbidden, (await owner.PostJsonAsync(
            "/api/v1/runs/priority", $$"""{"priority":"urgent","ids":[{{run}}]}""")).StatusCode);
        await owner.PostJsonAsync("/api/v1/runs/priority", $$"""{"priority":"low","ids":[{{run}}]}""");
        Assert.Equal(Priority.Low, (await owner.GetAsync<RunDetail>($"/api/v1/runs/{run}")).Row.Priority);
        await admin.PostJsonAsync("/api/v1/runs/priority", $$"""{"priority":"urgent","ids":[{{run}}]}""");
        Assert.Equal(Priority.Urgent, (await owner.GetAsync<RunDetail>($"/api/v1/runs/{run}")).Row.Priority);
        Assert.NotEqual(0, await admin.SubmitAsync(",\"priority\":\"urgent\""));
    }

    [Fact]
    public async Task D6_What_one_user_may_have_waiting_is_limited_and_told_with_its_number()
    {
        using var owner = await host.UserAsync();
        using var other = await host.UserAsync();
        await owner.SubmitAsync();
        await host.Database.ScalarAsync<int>("update lab set user_waiting = 3 returning 1");
        try
        {
            using var refused = await owner.PostJsonAsync("/api/v1/runs", $$"""{"spec":{{StoredRun.Spec}},"seeds":[0,1,2]}""");
            var problems = await refused.ProblemsAsync();
            Assert.Contains("You have 1 items waiting and this would add 3; at most 3", problems[""][0], StringComparison.Ordinal);
            Assert.Equal(problems[""][0], (string)(await refused.ReadAsync<JsonObject>(HttpStatusCode.BadRequest))["detail"]!);
            var more = await owner.SubmitAsync(",\"seeds\":[0,1]");
            using var again = await owner.PostAsync($"/api/v1/runs/{more}/rerun", null);
            Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
            await owner.PostAsync($"/api/v1/runs/{more}/pause", null);
            using var paused = await owner.PostAsync($"/api/v1/runs/{more}/rerun", null);
            Assert.Equal(HttpStatusCode.Conflict, paused.StatusCode);
            await owner.PostAsync($"/api/v1/runs/{more}/cancel", null);
            await owner.SubmitAsync();
            using var requeued = await owner.PostAsync($"/api/v1/runs/{more}/requeue", null);
            Assert.Contains("at most 3", (string)(
                await requeued.ReadAsync<JsonObject>(HttpStatusCode.Conflict))["detail"]!, StringComparison.Ordinal);
            await other.SubmitAsync(",\"seeds\":[0,1]");
        }
        finally
        {
            await host.Database.ScalarAsync<int>("update lab set user_waiting = 2000 returning 1");
        }
    }

    [Fact]
    public async Task Runs_that_are_requeued_at_once_do_not_pass_the_limit_together_and_only_those_count_that_would_wait()
    {
        using var owner = await host.UserAsync();
        using var submitted = await owner.PostJsonAsync(
            "/api/v1/runs", $$"""{"spec":{{StoredRun.Spec}},"seeds":[{{string.Join(',', Enumerable.Range(0, 80))}}]}""");
        var answer = await submitted.ReadAsync<JsonObject>(HttpStatusCode.Created);
        var ids = answer["runIds"]!.AsArray().Select(id => (long)id!).ToArray();
        Assert.Equal(80, (await ActAsync(owner, "cancel", ids)).Done);
        await host.Database.ScalarAsync<int>("update lab set user_waiting = 12 returning 1");
        try
        {
            var tens = ids.Chunk(10).ToList();
            var results = await Task.WhenAll(tens.Select(ten => ActAsync(owner, "requeue", ten)));

            Assert.Equal(10, results.Sum(result => result.Done));
            var refused = results.SelectMany(result => result.Refused).ToList();
            Assert.Equal(70, refused.Count);
            Assert.All(refused, run => Assert.Contains("this would add 10; at most 12", run.Message, StringComparison.Ordinal));

            // Two more fit, whatever else is named with them.
            var waiting = tens[results.ToList().FindIndex(result => result.Done == 10)];
            var mixed = await ActAsync(owner, "requeue", [.. waiting, .. ids.Except(waiting).Take(2), 999998, 999999]);
            Assert.Equal((2, 12), (mixed.Done, mixed.Refused.Count));
            Assert.All(mixed.Refused, run => Assert.DoesNotContain("at most", run.Message, StringComparison.Ordinal));

            // At the limit, what does not exist still does not.
            Assert.Equal(HttpStatusCode.NotFound, (await owner.PostAsync("/api/v1/runs/999999/requeue", null)).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await owner.PostAsync("/api/v1/runs/999999/rerun", null)).StatusCode);
        }
        finally
        {
            await host.Database.ScalarAsync<int>("update lab set user_waiting = 2000 returning 1");
        }
    }

    private static async Task<BulkResult> ActAsync(HttpClient client, string action, IEnumerable<long> ids)
    {
        using var response = await client.PostJsonAsync(
            "/api/v1/runs/actions", $$"""{"action":"{{action}}","ids":[{{string.Join(',', ids)}}]}""");
        return await response.ReadAsync<BulkResult>();
    }

    private static int width = 1000;

    [Theory]
    [InlineData("Succeeded", "here", 5000, 5000)] // measured
    [InlineData("Succeeded", "here", 9000, 8000)] // measured, where the host had more
    [InlineData("Succeeded", "elsewhere", 20, null)] // other workers need other memory: no less than the estimate
    [InlineData("Failed", "here", 20, null)] // before it had all that it needs
    [InlineData("Failed", "here", 5000, 5000)] // at least so much
    [InlineData(null, "here", null, null)]
    public async Task What_a_run_needs_is_what_runs_of_its_spec_were_seen_to_need_and_else_estimated(
        string? state, string where, int? peak, int? memory)
    {
        using var client = await host.UserAsync();
        var queue = $"q{Guid.NewGuid():N}"[..20];
        await host.Database.ScalarAsync<int>(
            """
            insert into workers (name, host, slots, queues, started_at, last_seen, lends)
            values (@queue, 'h', 1, @queue, now(), now() + interval '1 hour', '[{"name": "cpu", "mb": 8000}]') returning 1
            """, new { queue });
        // A width of its own, so that nothing else has measured it.
        var spec = StoredRun.Spec.Replace("\"width\":32", $"\"width\":{Interlocked.Increment(ref width)}", StringComparison.Ordinal);
        Assert.NotEqual(StoredRun.Spec, spec);
        async Task<(long Run, int Memory)> SubmitAsync(string to)
        {
            using var response = await client.PostJsonAsync("/api/v1/runs", $$"""{"spec":{{spec}},"queue":"{{to}}"}""");
            var run = (long)(await response.ReadAsync<JsonObject>(HttpStatusCode.Created))["runIds"]![0]!;
            return (run, await host.Database.ScalarAsync<int>("select memory_mb from work_items where run_id = @run", new { run }));
        }
        var (first, estimate) = await SubmitAsync(where == "here" ? queue : "elsewhere");
        Assert.InRange(estimate, 100, 4000);
        if (state is not null)
        {
            await host.Database.ScalarAsync<int>(
                "update work_items set state = @state, finished_at = now(), peak_memory_mb = @peak where run_id = @first returning 1",
                new { state, peak, first });
        }

        Assert.Equal(memory ?? estimate, (await SubmitAsync(queue)).Memory);
    }

    [Fact]
    public async Task A_study_of_five_hundred_runs_is_stored_with_each_run_as_it_was_planned()
    {
        using var client = await host.UserAsync();
        var widths = string.Join(',', Enumerable.Range(16, 50));
        using var response = await client.PostJsonAsync(
            "/api/v1/runs",
            $$"""{"spec":{{StoredRun.Spec}},"grid":{"model.width":[{{widths}}]},"seeds":[0,1,2,3,4,5,6,7,8,9],"maxRunning":7}""");
        var answer = await response.ReadAsync<JsonObject>(HttpStatusCode.Created);
        var ids = answer["runIds"]!.AsArray().Select(id => (long)id!).ToArray();

        Assert.Equal(500, ids.Length);
        Assert.Equal(
            Enumerable.Range(16, 50).SelectMany(width => Enumerable.Range(0, 10).Select(seed => (width, seed))),
            await host.Database.RowsAsync<(int, int)>(
                "select (spec->'model'->>'width')::int, seed from runs where id = any(@ids) order by id", new { ids }));
        Assert.Equal(500, await host.Database.ScalarAsync<long>(
            "select count(*) from work_items where run_id = any(@ids) and state = 'Queued' and memory_mb > 300", new { ids }));
        Assert.Equal(50, await host.Database.ScalarAsync<long>(
            "select count(distinct group_key) from runs where id = any(@ids)", new { ids }));
    }

    private static async Task<HttpResponseMessage> PutAsync(HttpClient client, string path, string json)
        => await client.PutAsync(path, new StringContent(json, System.Text.Encoding.UTF8, "application/json"));
}
