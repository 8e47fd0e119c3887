using System.Net;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Api;

[Trait("kind", "database")]
public sealed class CertificateTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task A_stranger_gets_and_asks_for_none()
    {
        using var user = await host.UserAsync();
        var run = await RunAsync(user, "last");
        using var client = host.Anonymous();

        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync($"/api/v1/runs/{run}/certificate")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.PostJsonAsync($"/api/v1/runs/{run}/certificate", "{}")).StatusCode);
        Assert.Equal(0, await host.Database.ScalarAsync<long>("select count(*) from certificates where run_id = @run", new { run }));
    }

    [Fact]
    public async Task The_same_request_gives_the_same_certificate_which_stands_in_the_queue_once()
    {
        using var client = await host.UserAsync();
        var run = await RunAsync(client, "last", "best");

        var all = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => RequestAsync(client, run, """{"checkpoint":"last","pairs":50}""")));
        var other = await RequestAsync(client, run, """{"checkpoint":"best","pairs":50}""");
        var more = await RequestAsync(client, run, "{}");

        Assert.Single(all.Select(certificate => certificate.Id).Distinct());
        Assert.Equal(
            (RunState.Queued, "last", 50, 10L, "sha-last"),
            (all[0].State, all[0].Checkpoint, all[0].Pairs, all[0].Step, all[0].Sha256));
        Assert.Equal(3, new[] { all[0].Id, other.Id, more.Id }.Distinct().Count());
        Assert.Equal(2000, more.Pairs);
        Assert.Equal([all[0].Id, other.Id, more.Id], await host.Database.RowsAsync<Guid>(
            """
            select c.id from certificates c join work_items i on i.id = c.item_id
            where c.run_id = @run and i.state = 'Queued' order by i.created_at
            """, new { run }));
        Assert.Equal(more.Id, (await client.GetAsync<CertificateView>($"/api/v1/runs/{run}/certificate")).Id);

        // Asked for again, it is the one that is shown.
        Assert.Equal(all[0].Id, (await RequestAsync(client, run, """{"pairs":50}""")).Id);
        Assert.Equal(all[0].Id, (await client.GetAsync<CertificateView>($"/api/v1/runs/{run}/certificate")).Id);
    }

    [Fact]
    public async Task One_that_was_done_before_its_cancel_was_heard_and_its_successor_are_one_answer()
    {
        using var client = await host.UserAsync();
        var run = await RunAsync(client, "last");
        var first = await RequestAsync(client, run, "{}");
        await host.Database.ExecuteAsync(
            "update work_items set wish = 'cancel' where id = (select item_id from certificates where id = @Id)", first);
        var second = await RequestAsync(client, run, "{}");
        Assert.NotEqual(first.Id, second.Id);
        await host.Database.ExecuteAsync("update work_items set wish = null where kind = 'certificate' and run_id = @run", new { run });

        Assert.Equal(second.Id, (await RequestAsync(client, run, "{}")).Id);
        Assert.Equal(second.Id, (await RequestAsync(client, run, "{}")).Id);
    }

    [Fact]
    public async Task What_is_asked_for_can_be_cancelled_once()
    {
        using var client = await host.UserAsync();
        var run = await RunAsync(client, "last");
        Assert.Equal(HttpStatusCode.NotFound, (await client.DeleteAsync($"/api/v1/runs/{run}/certificate")).StatusCode);
        await RequestAsync(client, run, "{}");

        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync($"/api/v1/runs/{run}/certificate")).StatusCode);

        var cancelled = await client.GetAsync<CertificateView>($"/api/v1/runs/{run}/certificate");
        Assert.Equal(RunState.Cancelled, cancelled.State);
        Assert.StartsWith("Cancelled by ", cancelled.Reason, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Conflict, (await client.DeleteAsync($"/api/v1/runs/{run}/certificate")).StatusCode);
        using var stranger = host.Anonymous();
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.DeleteAsync($"/api/v1/runs/{run}/certificate")).StatusCode);
    }

    [Fact]
    public async Task What_may_be_chosen_is_told_as_the_page_tells_it()
    {
        using var client = await host.UserAsync();
        var run = await RunAsync(client, "last");
        var twin = await RunAsync(client, "last");

        var choices = await client.GetAsync<CertificateChoices>($"/api/v1/runs/{run}/certificate/choices");

        Assert.Equal(2000, choices.Pairs);
        Assert.Contains(twin, choices.Twins.Select(t => t.RunId));
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/api/v1/runs/999999/certificate/choices")).StatusCode);
    }

    [Fact]
    public async Task One_that_failed_is_made_anew_and_one_that_is_done_is_not()
    {
        using var client = await host.UserAsync();
        var run = await RunAsync(client, "last");
        var first = await RequestAsync(client, run, """{"pairs":50}""");
        await host.Database.ScalarAsync<int>(
            "update work_items i set state = 'Failed' from certificates c where i.id = c.item_id and c.id = @Id returning 1",
                new { first.Id });

        var second = await RequestAsync(client, run, """{"pairs":50}""");
        await host.Database.ScalarAsync<int>(
            """
            with result as (update certificates set result = '{}' where id = @Id returning item_id)
            update work_items i set state = 'Succeeded' from result where i.id = item_id returning 1
            """, new { second.Id });

        Assert.NotEqual(first.Id, second.Id);
        Assert.Equal(second.Id, (await RequestAsync(client, run, """{"pairs":50}""")).Id);
        Assert.Equal(
            new CertificateMark(RunState.Succeeded, null),
            (await client.GetAsync<RunDetail>($"/api/v1/runs/{run}")).Certificate);
    }

    [Theory]
    [InlineData("""{"pairs":9}""", "pairs", "from 10 to 20000; got 9")]
    [InlineData("""{"pairs":20001}""", "pairs", "from 10 to 20000; got 20001")]
    [InlineData("""{"pairs":"many"}""", "pairs", "must be a whole number")]
    [InlineData("""{"checkpoint":"first"}""", "checkpoint", "must be last or best; got 'first'")]
    [InlineData("""{"checkpoint":"best"}""", "checkpoint", "has not written it")]
    [InlineData("""{"twin":999999}""", "twin", "run 999999 is not")]
    [InlineData("""{"pears":50}""", "pears", "not a field")]
    public async Task What_is_wrong_is_told_at_its_field_and_nothing_is_stored(string request, string field, string sentence)
    {
        using var client = await host.UserAsync();
        var run = await RunAsync(client, "last");

        var problems = await (await client.PostJsonAsync($"/api/v1/runs/{run}/certificate", request)).ProblemsAsync();

        Assert.Contains(sentence, Assert.Single(problems[field]), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync($"/api/v1/runs/{run}/certificate")).StatusCode);
    }

    [Theory]
    [InlineData("model = 'allconv'")]
    [InlineData("dataset = 'mnist'")]
    [InlineData("convexity = 'clip'")]
    public async Task A_twin_is_an_unconstrained_run_of_the_same_model_and_data_with_a_checkpoint(string difference)
    {
        using var client = await host.UserAsync();
        var run = await RunAsync(client, "last");
        var twin = await RunAsync(client, "last");
        var request = $$"""{"twin":{{twin}},"pairs":50}""";
        await host.Database.ScalarAsync<int>("update runs set convexity = 'exp_eps' where id = @run returning 1", new { run });
        Assert.Equal(twin, (await RequestAsync(client, run, request)).Twin);

        await host.Database.ScalarAsync<int>($"update runs set {difference} where id = @twin returning 1", new { twin });
        var problems = await (await client.PostJsonAsync($"/api/v1/runs/{run}/certificate", request)).ProblemsAsync();
        Assert.Contains("twin must be another run of mlp on glyphs", problems["twin"][0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_does_not_exist_has_none()
    {
        using var client = await host.UserAsync();

        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/api/v1/runs/999999/certificate")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await client.PostJsonAsync("/api/v1/runs/999999/certificate", "{}")).StatusCode);
    }

    [Fact]
    public async Task It_stands_in_the_description_of_the_API_with_its_problems()
    {
        using var client = await host.UserAsync();

        var paths = (await client.GetAsync<JsonObject>("/api/openapi.json"))["paths"]!["/api/v1/runs/{id}/certificate"]!;

        Assert.Equal(["202", "400", "401", "404", "429"], paths["post"]!["responses"]!.AsObject().Select(answer => answer.Key).Order());
        Assert.Equal(["200", "401", "404", "429"], paths["get"]!["responses"]!.AsObject().Select(answer => answer.Key).Order());
    }

    private static async Task<CertificateView> RequestAsync(HttpClient client, long run, string request) =>
        await (await client.PostJsonAsync($"/api/v1/runs/{run}/certificate", request)).ReadAsync<CertificateView>(HttpStatusCode.Accepted);

    private async Task<long> RunAsync(HttpClient client, params string[] checkpoints)
    {
        var run = await client.SubmitAsync();
        foreach (var kind in checkpoints)
            await host.Database.ScalarAsync<int>(
                """
                insert into checkpoints (run_id, attempt, kind, step, bytes, sha256)
                values (@run, 1, @kind, 10, 1, 'sha-' || @kind) returning 1
                """, new { run, kind });
        return run;
    }
}
