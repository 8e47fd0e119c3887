using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Specs;

public enum ParameterType
{
    Int,
    Number,
    Bool,
    Text,
    Choice,
    IntList,
    NumberList,
}

/// <summary>One parameter as the form, the API and the command line see it.</summary>
/// <param name="Default">int, double, bool, string (of an enum, its word), a list of int or double; null where it is unset.</param>
public sealed record Parameter(
    string Name, string Title, ParameterType Type, double? Min, double? Max, object? Default, IReadOnlyList<string>? Allowed,
    string Help, bool Optional)
{
    internal PropertyInfo Property { get; init; } = null!;
}

/// <summary>Reads the parameter schema off a record's properties, so that schema, defaults and the typed record are one thing.</summary>
internal static class Schema
{
    private static readonly ConcurrentDictionary<Type, IReadOnlyList<Parameter>> Known = new();
    private static readonly NullabilityInfoContext Nullability = new();

    public static IReadOnlyList<Parameter> Of(Type type) => Known.GetOrAdd(type, Read);

    /// <summary>PascalCase → snake_case.</summary>
    public static string NameOf(string property) => JsonNamingPolicy.SnakeCaseLower.ConvertName(property);

    private static List<Parameter> Read(Type type)
    {
        var defaults = Activator.CreateInstance(type)!;
        // A base record's shared parameters come first, each level in the order it was written.
        return [.. type.GetProperties()
            .Select(property => (property, attribute: property.GetCustomAttribute<ParameterAttribute>()))
            .Where(p => p.attribute is not null)
            .OrderByDescending(p => Depth(type, p.property.DeclaringType!)).ThenBy(p => p.property.MetadataToken)
            .Select(p => Describe(p.property, p.attribute!, defaults))];
    }

    private static int Depth(Type type, Type declaring)
    {
        var depth = 0;
        for (var t = type; t != declaring; t = t.BaseType!) depth++;
        return depth;
    }

    private static Parameter Describe(PropertyInfo property, ParameterAttribute attribute, object defaults)
    {
        bool optional;
        lock (Nullability) optional = Nullability.Create(property).WriteState == NullabilityState.Nullable;
        var name = NameOf(property.Name);
        return new Parameter(
            name,
            attribute.Title ?? char.ToUpperInvariant(name[0]) + name[1..].Replace('_', ' '),
            TypeOf(property, attribute),
            double.IsNaN(attribute.Min) ? null : attribute.Min,
            double.IsNaN(attribute.Max) ? null : attribute.Max,
            InWords(property.GetValue(defaults)),
            AllowedIn(property, attribute),
            attribute.Help,
            optional)
        { Property = property };
    }

    private static object? InWords(object? value) => value is Enum choice ? ChoiceWord.Of(choice) : value;

    private static IReadOnlyList<string>? AllowedIn(PropertyInfo property, ParameterAttribute attribute)
        => attribute.Allowed is { } allowed ? [.. allowed.Select(a => a is Enum choice ? ChoiceWord.Of(choice) : (string)a)]
            : property.PropertyType.IsEnum ? ChoiceWord.All(property.PropertyType) : null;

    private static ParameterType TypeOf(PropertyInfo property, ParameterAttribute attribute)
    {
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        return type switch
        {
            _ when type == typeof(int) => ParameterType.Int,
            _ when type == typeof(double) => ParameterType.Number,
            _ when type == typeof(bool) => ParameterType.Bool,
            _ when type == typeof(string) => attribute.Allowed is null ? ParameterType.Text : ParameterType.Choice,
            _ when type.IsEnum => ParameterType.Choice,
            _ when type == typeof(IReadOnlyList<int>) => ParameterType.IntList,
            _ when type == typeof(IReadOnlyList<double>) => ParameterType.NumberList,
            _ => throw new NotSupportedException(
                $"{property.DeclaringType!.Name}.{property.Name}: a parameter of type {type.Name} has no schema."),
        };
    }
}
