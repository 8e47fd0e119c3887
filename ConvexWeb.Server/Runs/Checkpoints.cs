using ConvexWeb.Training.Events;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Npgsql;

namespace ConvexWeb.Server.Runs;

public static class CheckpointsApi
{
    /// <summary>What is said of a checkpoint whose file a node does not find.</summary>
    public const string NotHere = "The checkpoint is known, but its file is not in the data folder of this node.";

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
            return TypedResults.Problem(NotHere, statusCode: StatusCodes.Status404NotFound);
        }
        var written = File.GetLastWriteTimeUtc(file.SafeFileHandle);
        return TypedResults.Stream(
            file, "application/octet-stream", $"run{run}-attempt{attempt}-{kind}-step{StepIn(file) ?? step}.safetensors",
            written, new EntityTagHeaderValue($"\"{written.Ticks:x}-{file.Length:x}\""), enableRangeProcessing: true);
    }

    // The stream is at its beginning again.
    internal static long? StepIn(FileStream file)
    {
        var step = SafeTensorsHeader.StepOf(file, file.Name);
        file.Position = 0;
        return step;
    }
}
