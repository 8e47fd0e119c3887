using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>Requests of a script with a token.</summary>
public static class Api
{
    public static async Task<long> SubmitAsync(this HttpClient client, string spec, int seed)
        => (await client.SubmitAsync(spec, [seed]))[0];

    public static async Task<long[]> SubmitAsync(this HttpClient client, string spec, int[] seeds, string grid = "{}")
    {
        using var response = await client.PostJsonAsync("/api/v1/runs",
            $$"""{"spec":{{spec}},"grid":{{grid}},"seeds":{{JsonSerializer.Serialize(seeds)}}}""");
        return (await response.ReadAsync<JsonObject>(HttpStatusCode.Created))["runIds"].Deserialize<long[]>()!;
    }
}
