using System.Text.Json;
using System.Text.Json.Serialization;
using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Certificates;

/// <summary>What the trainer prints, as the contract has it.</summary>
internal static class CertificateResults
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <returns>Null for what is no certificate, or one of another version.</returns>
    public static CertificateResult? Read(string? json)
    {
        if (json is null) return null;
        try
        {
            return JsonSerializer.Deserialize<CertificateResult>(json, Json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
