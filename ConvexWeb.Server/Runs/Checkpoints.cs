using ConvexWeb.Server.Leasing;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Npgsql;

namespace ConvexWeb.Server.Runs;

public static class CheckpointsApi
{
    public static void MapCheckpoints(this IEndpointRouteBuilder api) => api.MapGet("/checkpoints/{id:guid}", Download)
        .WithTags("Runs")
        .WithSummary("A checkpoint's file (safetensors); ranges are served, so a download can go on where it broke");

    /// <summary>
    /// A trainer replaces the file before its new hash and step are stored. So everything that is said about it is read from the file
    /// itself, which is opened once; and the tag that a resumed download must bring back changes with the file, not with the database.
    /// </summary>
    private static async Task<Results<FileStreamHttpResult, NotFound, ProblemHttpResult>> Download(
        Guid id, NpgsqlDataSource database, RunFolders folders, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            """
            select run_id, attempt, kind, step, this_database.id from checkpoints, this_database
            where checkpoints.id = $1
            """);
        command.Parameters.Add(new() { Value = id });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel)) return TypedResults.NotFound();

        var (run, attempt, kind, step) = (reader.GetInt64(0), reader.GetInt32(1), reader.GetString(2), reader.GetInt64(3));
        FileStream file;
        try
        {
            var path = folders.Checkpoint(reader.GetGuid(4), run, attempt, kind);
            file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception problem) when (problem is FileNotFoundException or DirectoryNotFoundException)
        {
            return TypedResults.Problem(CheckpointFiles.NotHere, statusCode: StatusCodes.Status404NotFound);
        }
        var written = File.GetLastWriteTimeUtc(file.SafeFileHandle);
        step = CheckpointFiles.StepIn(file) ?? step;
        // Two files of one length may be written within one tick of the system's clock.
        var tag = new EntityTagHeaderValue($"\"{written.Ticks:x}-{file.Length:x}-{step:x}\"");
        return TypedResults.Stream(
            file, "application/octet-stream", $"run{run}-attempt{attempt}-{kind}-step{step}.safetensors", written, tag,
            enableRangeProcessing: true);
    }
}
