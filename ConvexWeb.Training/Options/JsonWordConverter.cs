using System.Text.Json.Serialization;

namespace ConvexWeb.Training.Options;

/// <summary>A choice as its word; a number, which JSON's own converter would take too, is none.</summary>
public sealed class JsonWordConverter<T>() : JsonStringEnumConverter<T>(namingPolicy: null, allowIntegerValues: false)
    where T : struct, Enum;
