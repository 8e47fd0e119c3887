using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Training.Specs;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Studies;

/// <summary>A server without a single study gets a small one, so that the first page shows what the product does. Setting <c>Convex:Demo</c>.</summary>
public sealed class DemoStudy(NpgsqlDataSource database, Submitter submitter, IOptions<Settings> settings, ILogger<DemoStudy> log) : BackgroundService
{
    private const string Preset = "demo-glyphs";
    private const long Lock = 0x44656D6F; // "Demo"

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!settings.Value.Demo || Presets.All.FirstOrDefault(preset => preset.Name == Preset) is not { } preset) return;
        await using var connection = await database.OpenConnectionAsync(stoppingToken);
        await connection.ExecuteAsync("select pg_advisory_lock(@Lock)", new { Lock }); // held until the connection is closed: of several new nodes one submits
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
        }, createdBy: "demo", stoppingToken);
        if (result.Accepted) log.LogInformation("Queued the demo study, {Count} runs", result.RunIds.Count);
        else log.LogError("The demo study was refused: {Problems}", result.Problems);
    }

    private static IReadOnlyList<JsonElement> Values(params string[] values) => [.. values.Select(value => JsonSerializer.SerializeToElement(value))];
}
