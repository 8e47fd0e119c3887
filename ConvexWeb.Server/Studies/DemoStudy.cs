using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Training.Specs;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Studies;

/// <summary>
/// A server without a single study gets a small one, so that the first page shows what the product does. Setting <c>Convex:Demo</c>.
/// </summary>
public sealed class DemoStudy(
    NpgsqlDataSource database, Submitter submitter, IOptions<Settings> settings, ServiceLoop loop, ILogger<DemoStudy> log)
    : BackgroundService
{
    private const string Name = "demo-glyphs";
    private const long Lock = 0x44656D6F; // "Demo"

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => settings.Value.Demo && Presets.All.FirstOrDefault(preset => preset.Name == Name) is { } preset
            ? loop.RunAsync("The demo study", stop => SubmitAsync(preset, stop), stoppingToken)
            : Task.CompletedTask;

    private async Task SubmitAsync(Preset preset, CancellationToken stop)
    {
        // The lock ends with the transaction, in which nothing else happens: of several new nodes one
        // submits, and the next ones find its study.
        await using var connection = await database.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        await connection.ExecuteAsync("select pg_advisory_xact_lock(@Lock)", new { Lock });
        if (await connection.ExecuteScalarAsync<bool>("select exists (select from studies)")) return;

        var result = await submitter.SubmitAsync(new Submission
        {
            Name = "Demo: who memorises?",
            Spec = JsonSerializer.SerializeToElement(SpecWriter.ToJson(preset.Spec)),
            Grid = new Dictionary<string, IReadOnlyList<JsonElement>>
            {
                ["convexity.name"] = Values("none", "exp_eps"),
                ["labels.name"] = Values("true", "random"),
            },
            Seeds = [0, 1],
        }, createdBy: "demo", new Once(), stop);
        if (result.Accepted) log.LogInformation("Queued the demo study, {Count} runs", result.RunIds.Count);
        else log.LogError("The demo study was refused: {Problems}", result.Problems);
    }

    private static IReadOnlyList<JsonElement> Values(params string[] values)
        => [.. values.Select(value => JsonSerializer.SerializeToElement(value))];
}
