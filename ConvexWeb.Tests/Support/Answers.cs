using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConvexWeb.Server.Http;

namespace ConvexWeb.Tests.Support;

/// <summary>Short words for requests and what comes back.</summary>
public static class Answers
{
    public static readonly JsonSerializerOptions Json = Options();

    public static Task<HttpResponseMessage> PostJsonAsync(this HttpClient client, string path, string json) =>
        client.PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"));

    public static Task<HttpResponseMessage> PatchJsonAsync(this HttpClient client, string path, string json) =>
        client.PatchAsync(path, new StringContent(json, Encoding.UTF8, "application/json"));

    public static async Task<T> ReadAsync<T>(this HttpResponseMessage response, HttpStatusCode expected = HttpStatusCode.OK)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == expected, $"{(int)response.StatusCode}: {text}");
        return JsonSerializer.Deserialize<T>(text, Json)!;
    }

    public static async Task<T> GetAsync<T>(this HttpClient client, string path) => await (await client.GetAsync(path)).ReadAsync<T>();

    /// <summary>Field path → sentences of a 400.</summary>
    public static async Task<Dictionary<string, string[]>> ProblemsAsync(this HttpResponseMessage response)
    {
        var problem = await response.ReadAsync<JsonObject>(HttpStatusCode.BadRequest);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        return problem["errors"].Deserialize<Dictionary<string, string[]>>()!;
    }

    private static JsonSerializerOptions Options()
    {
        var options = new JsonSerializerOptions();
        ApiJson.Configure(options);
        return options;
    }
}
