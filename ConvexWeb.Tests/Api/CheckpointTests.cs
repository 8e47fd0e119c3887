using System.Net;
using System.Net.Http.Headers;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using Dapper;

namespace ConvexWeb.Tests.Api;

public sealed class CheckpointTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task A_checkpoint_is_downloaded_by_its_id_whole_or_in_parts()
    {
        using var client = await host.UserAsync();
        var (run, checkpoint) = await StoreAsync(client, "0123456789");

        using var whole = await client.GetAsync($"/api/v1/checkpoints/{checkpoint}");
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/checkpoints/{checkpoint}");
        request.Headers.Range = new RangeHeaderValue(4, 6);
        using var part = await client.SendAsync(request);

        Assert.Equal("0123456789", await whole.Content.ReadAsStringAsync());
        Assert.Equal($"run{run}-attempt1-best-step79.safetensors", whole.Content.Headers.ContentDisposition!.FileName);
        Assert.Equal((HttpStatusCode.PartialContent, "456"), (part.StatusCode, await part.Content.ReadAsStringAsync()));
        Assert.Equal(checkpoint, (await client.GetAsync<RunDetail>($"/api/v1/runs/{run}")).Checkpoints.Single().Id);
    }

    [Fact]
    public async Task One_whose_file_is_gone_says_so()
    {
        using var client = await host.UserAsync();
        var (_, checkpoint) = await StoreAsync(client, null);
        using var response = await client.GetAsync($"/api/v1/checkpoints/{checkpoint}");

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Contains("data folder", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/api/v1/checkpoints/..%2f..%2fetc%2fpasswd")]
    [InlineData("/api/v1/checkpoints/../../../../etc/passwd")]
    [InlineData("/api/v1/checkpoints/00000000-0000-0000-0000-000000000000")]
    public async Task Anything_else_is_not_there(string path)
    {
        using var client = await host.UserAsync();
        using var response = await client.GetAsync(path);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    private async Task<(long Run, Guid Checkpoint)> StoreAsync(HttpClient client, string? content)
    {
        var run = await client.SubmitAsync();
        if (content is not null)
        {
            var folder = Directory.CreateDirectory(Path.Combine(host.DataFolder, "runs", $"{run}", "1"));
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "best.safetensors"), content);
        }
        await using var connection = await host.Database.OpenConnectionAsync();
        return (run, await connection.ExecuteScalarAsync<Guid>(
            "insert into checkpoints (run_id, attempt, kind, step, bytes, sha256) values (@run, 1, 'best', 79, 10, 'abc') returning id", new { run }));
    }
}
