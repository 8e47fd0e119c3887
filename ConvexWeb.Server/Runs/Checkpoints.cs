using ConvexWeb.Server.Http;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Training.Files;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Npgsql;

namespace ConvexWeb.Server.Runs;

public static class CheckpointsApi
{
    public static void MapCheckpoints(this IEndpointRouteBuilder api) => api.MapGet("/checkpoints/{id:guid}", Download).Allow(Access.Read)
        .WithTags("Runs")
        .WithSummary("A checkpoint's file (safetensors); ranges are served, so a download can go on where it broke");

    /// <summary>
    /// A trainer replaces the file before its new hash and step are stored. So everything that is said about it is read from the file
    /// itself, which is opened once; and the tag that a resumed download must bring back changes with the file, not with the database.
    /// </summary>
    private static async Task<Results<FileStreamHttpResult, NotFound, ProblemHttpResult>> Download(
        Guid id, NpgsqlDataSource database, RunFolders folders, CancellationToken cancel)
    {
        if (await FindAsync(database, id, cancel) is not { } stored) return TypedResults.NotFound();

        FileStream file;
        try
        {
            var path = folders.Checkpoint(stored.Database, stored.RunId, stored.Attempt, stored.Kind);
            file = RegularFile.Open(path);
        }
        catch (Exception problem) when (problem is FileNotFoundException or DirectoryNotFoundException or NotRegularException)
        {
            return TypedResults.Problem(CheckpointFiles.NotHere, statusCode: StatusCodes.Status404NotFound);
        }
        var written = File.GetLastWriteTimeUtc(file.SafeFileHandle);
        var step = CheckpointFiles.StepIn(file) ?? stored.Step;
        // Two files of one length may be written within one tick of the system's clock.
        var tag = new EntityTagHeaderValue($"\"{written.Ticks:x}-{file.Length:x}-{step:x}\"");
        return TypedResults.Stream(
            file, "application/octet-stream", $"run{stored.RunId}-attempt{stored.Attempt}-{stored.Kind}-step{step}.safetensors", written,
            tag, enableRangeProcessing: true);
    }

    private sealed record Stored(long RunId, int Attempt, string Kind, long Step, Guid Database);

    // The connection goes back to its pool before the file is sent, which may take minutes.
    private static async Task<Stored?> FindAsync(NpgsqlDataSource database, Guid id, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.QuerySingleOrDefaultAsync<Stored>(new CommandDefinition(
            """
            select c.run_id, c.attempt, c.kind, c.step, d.id as database from checkpoints c cross join this_database d where c.id = @id
            """, new { id }, cancellationToken: cancel));
    }
}
