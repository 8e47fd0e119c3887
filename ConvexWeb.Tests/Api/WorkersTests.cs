using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using ConvexWeb.Tests.Support;
using Dapper;

namespace ConvexWeb.Tests.Api;

/// <summary>Workers over the API: who may do what, and what is answered.</summary>
[Trait("kind", "database")]
public sealed class WorkersTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task Figures_are_for_all_and_draining_is_for_administrators()
    {
        await using (var connection = await host.Database.OpenConnectionAsync())
        {
            await connection.ExecuteAsync(
                """
                insert into workers (name, host, slots, queues, started_at, last_seen, devices)
                values ('gpu 1', 'h', 1, 'gpu', now(), now(), '[{"name": "cuda:0", "memoryTotalMb": 5, "utilisation": 40.5}]');
                insert into worker_samples (worker, at, device, power) values ('gpu 1', now() - interval '1 minute', 'cuda:0', 300.5)
                """);
        }
        using var user = await host.UserAsync();
        using var admin = await host.UserAsync(isAdmin: true);

        var worker = (await user.GetFromJsonAsync<JsonElement>("/api/v1/workers"))[0];
        Assert.Equal(40.5, worker.GetProperty("devices")[0].GetProperty("utilisation").GetDouble());
        var sample = Assert.Single((await user.GetFromJsonAsync<JsonElement>("/api/v1/workers/gpu%201/samples")).EnumerateArray());
        Assert.Equal(("cuda:0", 300.5), (sample.GetProperty("device").GetString(), sample.GetProperty("power").GetDouble()));
        var none = await user.GetFromJsonAsync<JsonElement>($"/api/v1/workers/gpu%201/samples?since={DateTime.UtcNow:O}");
        Assert.Equal(0, none.GetArrayLength());

        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(user, "gpu%201/drain"));
        Assert.Equal(HttpStatusCode.NotFound, await PostAsync(admin, "nobody/drain"));
        Assert.Equal(HttpStatusCode.NoContent, await PostAsync(admin, "gpu%201/drain"));
        Assert.True((await user.GetFromJsonAsync<JsonElement>("/api/v1/workers"))[0].GetProperty("draining").GetBoolean());
        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(user, "gpu%201/resume"));
        Assert.Equal(HttpStatusCode.NoContent, await PostAsync(admin, "gpu%201/resume"));
        Assert.False((await user.GetFromJsonAsync<JsonElement>("/api/v1/workers"))[0].GetProperty("draining").GetBoolean());
    }

    [Fact]
    public async Task A_time_that_is_none_is_refused_with_a_sentence()
    {
        using var user = await host.UserAsync();
        using var answer = await user.GetAsync("/api/v1/workers/w/samples?since=yesterday");

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("since 'yesterday' is not a time such as", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await user.GetAsync("/api/v1/workers/nobody/samples")).StatusCode);
    }

    private static async Task<HttpStatusCode> PostAsync(HttpClient client, string path)
    {
        using var answer = await client.PostAsync($"/api/v1/workers/{path}", content: null);
        return answer.StatusCode;
    }
}
