using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace ConvexWeb.Training.Events;

/// <summary>
/// The JSON of everything that a trainer writes for others: snake_case; numbers that JSON lacks are strings ("NaN", "Infinity",
/// "-Infinity"); a null is left out. When read, a missing or null value of a required field is an error, and an unknown field is ignored.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowOutOfOrderMetadataProperties = true)]
[JsonSerializable(typeof(TrainingEvent))]
[JsonSerializable(typeof(RunSummary))]
[JsonSerializable(typeof(Certificate))]
[JsonSerializable(typeof(IReadOnlyList<FilterSnapshot>))]
public sealed partial class EventJson : JsonSerializerContext;

/// <summary>
/// The form of <see cref="EventJson"/> for types of other parts, by reflection: a checkpoint's progress, a model's description.
/// </summary>
public static class EventJsonForm
{
    public static JsonSerializerOptions Options { get; } = new(EventJson.Default.Options)
    {
        TypeInfoResolver = JsonTypeInfoResolver.Combine(EventJson.Default, new DefaultJsonTypeInfoResolver()),
    };
}
