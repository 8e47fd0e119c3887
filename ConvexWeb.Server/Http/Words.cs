using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ConvexWeb.Server.Http;

/// <summary>Choices as the API writes them, in small letters, where a body is read by hand.</summary>
internal static class Words
{
    public static IEnumerable<string> Of<T>() where T : struct, Enum => Enum.GetNames<T>().Select(name => name.ToLowerInvariant());

    /// <summary>The word of a value as its contract names it.</summary>
    public static string Of<T>(T value) where T : struct, Enum => Of(typeof(T), $"{value}");

    /// <param name="name">Of the value in C#.</param>
    public static string Of(Type choice, string name)
        => choice.GetField(name)?.GetCustomAttribute<JsonStringEnumMemberNameAttribute>()?.Name ?? name;

    public static bool TryParse<T>(string? word, out T value) where T : struct, Enum
    {
        value = default;
        return word is not null && Of<T>().Contains(word, StringComparer.Ordinal) && Enum.TryParse(word, ignoreCase: true, out value);
    }

    public static bool TryParse<T>(JsonElement word, out T value) where T : struct, Enum
        => TryParse(word.ValueKind == JsonValueKind.String ? word.GetString() : null, out value);
}
