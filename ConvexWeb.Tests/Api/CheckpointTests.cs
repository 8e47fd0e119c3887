using System.Net;
using System.Net.Http.Headers;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;

namespace ConvexWeb.Tests.Api;

[Trait("kind", "database")]
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
    public async Task A_resumed_download_never_mixes_two_files_and_the_name_is_that_of_the_file()
    {
        using var client = await host.UserAsync();
        var (run, checkpoint) = await StoreAsync(client, OfStep(80));
        using var old = await client.GetAsync($"/api/v1/checkpoints/{checkpoint}");

        // As a trainer does it: the new file is there, and nobody has told the database yet.
        var file = Directory.GetFiles(RunFiles.Of(host.DataFolder, run), "best.safetensors", SearchOption.AllDirectories).Single();
        await File.WriteAllTextAsync(file + ".tmp", OfStep(90));
        File.Move(file + ".tmp", file, overwrite: true);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/checkpoints/{checkpoint}");
        request.Headers.Range = new RangeHeaderValue(4, null);
        request.Headers.IfRange = new RangeConditionHeaderValue(old.Headers.ETag!);
        using var resumed = await client.SendAsync(request);

        Assert.Equal($"run{run}-attempt1-best-step80.safetensors", old.Content.Headers.ContentDisposition!.FileName);
        Assert.Equal((HttpStatusCode.OK, OfStep(90)), (resumed.StatusCode, await resumed.Content.ReadAsStringAsync()));
        Assert.Equal($"run{run}-attempt1-best-step90.safetensors", resumed.Content.Headers.ContentDisposition!.FileName);
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

    private static string OfStep(int step)
    {
        var header = $$$$"""{"__metadata__":{"progress":"{\"step\":{{{{step}}}}}"}}""";
        return $"{(char)header.Length}\0\0\0\0\0\0\0{header}";
    }

    private async Task<(long Run, Guid Checkpoint)> StoreAsync(HttpClient client, string? content)
    {
        var run = await client.SubmitAsync();
        if (content is not null)
        {
            var database = await host.Database.ScalarAsync<Guid>("select id from this_database");
            var folder = Directory.CreateDirectory(Path.Combine(host.DataFolder, "runs", $"{database}", $"{run}", "1"));
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "best.safetensors"), content);
        }
        await using var connection = await host.Database.OpenConnectionAsync();
        return (run, await connection.ExecuteScalarAsync<Guid>(
            """
            insert into checkpoints (run_id, attempt, kind, step, bytes, sha256)
            values (@run, 1, 'best', 79, 10, 'abc') returning id
            """, new { run }));
    }
}
