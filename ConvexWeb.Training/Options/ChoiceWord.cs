using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ConvexWeb.Training.Options;

/// <summary>
/// The words by which specs name the members of an enum: <c>LeakyRelu</c> is <c>leaky_relu</c>. A word that no member can have for a name,
/// such as <c>40_12</c>, stands in <see cref="JsonStringEnumMemberNameAttribute"/>.
/// </summary>
public static class ChoiceWord
{
    private static readonly ConcurrentDictionary<Type, IReadOnlyDictionary<Enum, string>> Known = new();

    public static string Of(Enum value) => Words(value.GetType())[value];

    /// <summary>All words of an enum, in the order of its members.</summary>
    public static IReadOnlyList<string> All(Type type) => [.. Enum.GetValues(type).Cast<Enum>().Select(Of)];

    /// <summary>The member of that word; null where there is none.</summary>
    public static Enum? Find(Type type, string word) => Words(type).FirstOrDefault(pair => pair.Value == word).Key;

    private static IReadOnlyDictionary<Enum, string> Words(Type type)
        => Known.GetOrAdd(type, static t => Enum.GetValues(t).Cast<Enum>().ToDictionary(v => v, v => WordOf(t, v.ToString())));

    private static string WordOf(Type type, string member)
        => type.GetField(member)!.GetCustomAttribute<JsonStringEnumMemberNameAttribute>()?.Name
            ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(member);
}
