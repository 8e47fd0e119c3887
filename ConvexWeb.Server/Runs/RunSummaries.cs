using System.Text.Json;
using ConvexWeb.Client.Contracts;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>What trainers said at their end, as the contract has it.</summary>
internal static class RunSummaries
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <returns>Null while the run has not ended well, and for what an older or newer trainer said in another form.</returns>
    public static async Task<RunSummary?> ReadAsync(NpgsqlDataSource database, long runId, CancellationToken cancel)
    {
        // The rule of points: what a later attempt went over again does not hold any more.
        await using var command = database.CreateCommand(
            """
            select summary::text from run_summaries s
            where run_id = $1 and not exists (select from attempts a where a.run_id = s.run_id and a.number > s.attempt and a.resumed_step < s.step)
            order by attempt desc limit 1
            """);
        command.Parameters.Add(new() { Value = runId });
        return await command.ExecuteScalarAsync(cancel) is string stored ? Parse(stored) : null;
    }

    private static RunSummary? Parse(string stored)
    {
        try
        {
            return JsonSerializer.Deserialize<RunSummary>(stored, Json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
