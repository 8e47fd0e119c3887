using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>Where the files of runs are. Paths are made of numbers and two known words that the database holds; nothing of a request is in them.</summary>
public sealed class RunFolders(IOptions<Settings> settings)
{
    public string Attempt(long runId, int attempt) => Path.Combine(settings.Value.DataFolder, "runs", $"{runId}", $"{attempt}");

    public string Checkpoint(long runId, int attempt, string kind) =>
        Path.Combine(Attempt(runId, attempt), kind is "last" or "best" ? $"{kind}.safetensors" : throw new ArgumentException("last or best", nameof(kind)));
}

public static class CheckpointsApi
{
    public static void MapCheckpoints(this IEndpointRouteBuilder api) =>
        api.MapGet("/checkpoints/{id:guid}", Download).WithTags("Runs").WithSummary("A checkpoint's file (safetensors); ranges are served, so a download can go on where it broke");

    private static async Task<Results<PhysicalFileHttpResult, NotFound, ProblemHttpResult>> Download(
        Guid id, NpgsqlDataSource database, RunFolders folders, CancellationToken cancel)
    {
        await using var command = database.CreateCommand("select run_id, attempt, kind, step, sha256 from checkpoints where id = $1");
        command.Parameters.Add(new() { Value = id });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel)) return TypedResults.NotFound();

        var (run, attempt, kind, step, sha256) = (reader.GetInt64(0), reader.GetInt32(1), reader.GetString(2), reader.GetInt64(3), reader.GetString(4));
        var file = new FileInfo(folders.Checkpoint(run, attempt, kind));
        if (!file.Exists)
            return TypedResults.Problem("The checkpoint is known, but its file is not in the data folder of this node.", statusCode: StatusCodes.Status404NotFound);
        return TypedResults.PhysicalFile(file.FullName, "application/octet-stream", $"run{run}-attempt{attempt}-{kind}-step{step}.safetensors",
            file.LastWriteTimeUtc, new EntityTagHeaderValue($"\"{sha256}\""), enableRangeProcessing: true);
    }
}
