using System.Reflection;
using System.Text.RegularExpressions;
using TorchSharp;

namespace ConvexWeb.Tests.Training;

/// <summary>Every public member of our <c>TorchSharp</c> namespace is a member of the real TorchSharp 0.107, so that the switch to the package stays possible.</summary>
public sealed partial class TorchSharpSurfaceTests
{
    private const string List = "torchsharp-api.txt";

    [Fact]
    public void Is_a_part_of_the_real_one()
    {
        var known = Find() is { } path ? File.ReadLines(path).Select(Canonical).ToHashSet() : null;
        Assert.SkipWhen(known is null, $"{List} is not beside the checkout (../shared).");
        var ours = typeof(torch).Assembly.GetTypes()
            .Where(t => t.Namespace?.Split('.')[0] == "TorchSharp" && t.IsVisible)
            .SelectMany(Members).Select(Canonical).Distinct();
        var foreign = ours.Except(known!).Order().ToList();
        Assert.True(foreign.Count == 0, string.Join(Environment.NewLine, foreign));
    }

    [Fact]
    public void The_list_is_read_as_it_is_meant()
    {
        // The negative control: a member that TorchSharp has not, and one that it has under another type.
        var known = new[] { "torch.Tensor.add(torch.Tensor target, Scalar alpha) : torch.Tensor", "torch.zeros(long size, torch.ScalarType? dtype = null, string[] names = null) : static torch.Tensor" }.Select(Canonical).ToHashSet();
        var add = typeof(torch.Tensor).GetMethod("add", [typeof(torch.Tensor), typeof(Scalar)])!;
        Assert.Contains(Canonical(Line(add)), known);
        Assert.DoesNotContain(Canonical(Line(typeof(torch.Tensor).GetMethod("add", [typeof(torch.Tensor)])!)), known);
        Assert.Contains("torch.zeros(long size, torch.ScalarType? dtype, string[] names):torch.Tensor", known);
    }

    private static string? Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "shared", List);
            if (File.Exists(candidate)) return candidate;
        }
        return null;
    }

    // Default values and modifiers go: what counts is that the same call compiles.
    private static string Canonical(string line)
    {
        var text = Defaults().Replace(line, "");
        text = Accessors().Replace(text, " : ");
        return Spaces().Replace(Modifiers().Replace(text, ""), ":").Trim();
    }

    [GeneratedRegex(@" = (""[^""]*""|[^,)]+)(?=[,)])")]
    private static partial Regex Defaults();

    [GeneratedRegex(@" \{[^}]*\} : ")]
    private static partial Regex Accessors();

    [GeneratedRegex(@"\b(static|protected|params|const) | = -?\d+$| < .*$")]
    private static partial Regex Modifiers();

    [GeneratedRegex(@" : ")]
    private static partial Regex Spaces();

    private static IEnumerable<string> Members(Type type)
    {
        const BindingFlags all = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        var kind = type switch { { IsEnum: true } => "enum", { IsValueType: true } => "struct", { IsInterface: true } => "interface", { IsAbstract: true, IsSealed: true } => "static class", _ => "class" };
        yield return $"{Name(type)} : {kind}";
        if (type.IsEnum)
        {
            foreach (var name in Enum.GetNames(type)) yield return $"{Name(type)}.{name} : const {Name(type)} = {Convert.ToInt64(Enum.Parse(type, name))}";
            yield break;
        }
        foreach (var constructor in type.GetConstructors(all).Where(Visible)) yield return $"{Name(type)}.new({Parameters(constructor)})";
        foreach (var property in type.GetProperties(all).Where(p => p.GetAccessors(true).Any(Visible)))
            yield return $"{Name(type)}.{property.Name} {{ get; }} : {Name(property.PropertyType)}";
        foreach (var field in type.GetFields(all).Where(f => f.IsPublic)) yield return $"{Name(type)}.{field.Name} : {Name(field.FieldType)}";
        // What a compiler makes of an override of object, and a record's or a base's own, is not surface.
        foreach (var method in type.GetMethods(all).Where(m => Visible(m) && (!m.IsSpecialName || m.Name.StartsWith("op_", StringComparison.Ordinal)))) yield return Line(method);
    }

    private static string Line(MethodInfo method)
    {
        var generic = method.IsGenericMethod ? $"<{string.Join(",", method.GetGenericArguments().Select(Name))}>" : "";
        return $"{Name(method.DeclaringType!)}.{method.Name}{generic}({Parameters(method)}) : {Name(method.ReturnType)}";
    }

    private static bool Visible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(p => $"{Name(p.ParameterType)} {p.Name}"));

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(int)] = "int",
        [typeof(long)] = "long",
        [typeof(float)] = "float",
        [typeof(double)] = "double",
        [typeof(string)] = "string",
        [typeof(object)] = "object",
        [typeof(void)] = "void",
    };

    private static string Name(Type type)
    {
        if (Keywords.TryGetValue(type, out var keyword)) return keyword;
        if (Nullable.GetUnderlyingType(type) is { } inner) return Name(inner) + "?";
        if (type.IsArray) return Name(type.GetElementType()!) + "[]";
        if (type.IsGenericParameter) return type.Name;
        var own = type.Name.Split('`')[0];
        var arguments = type.GetGenericArguments().Skip(type.DeclaringType?.GetGenericArguments().Length ?? 0).ToList();
        if (arguments.Count > 0) own += $"<{string.Join(",", arguments.Select(Name))}>";
        if (type.DeclaringType is { } outer) return $"{Name(outer)}.{own}";
        return type.Namespace is "TorchSharp" or "System" ? own : $"{type.Namespace}.{own}";
    }
}
