using System.Collections.Concurrent;
using System.Reflection;

namespace ConvexWeb.Training.Options;

/// <summary>The name by which a spec picks this record in its catalogue, for example <c>exp_eps</c>.</summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class ChoiceAttribute(string name) : Attribute
{
    private static readonly ConcurrentDictionary<Type, string> Names = new();

    public string Name { get; } = name;

    /// <summary>The name of a type that has this attribute.</summary>
    public static string NameOf(Type options) => Names.GetOrAdd(options, static type => type.GetCustomAttribute<ChoiceAttribute>()?.Name
        ?? throw new InvalidOperationException($"{type.Name} has no [Choice] attribute with its name in the catalogue."));
}
