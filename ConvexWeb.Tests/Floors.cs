using System.Reflection;
using System.Reflection.Emit;

namespace ConvexWeb.Tests;

/// <summary>
/// The namespaces below a root as floors, lowest first: a type may name types of its own floor and of floors below. Uses are read from the
/// built assembly (base types, attributes, signatures, fields and every instruction), so that an alias or a <c>var</c> hides nothing.
/// </summary>
/// <param name="order">First segments below <paramref name="root"/>, lowest floor first.</param>
internal sealed class Floors(Assembly assembly, string root, IReadOnlyList<string> order)
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<short, OpCode> Instructions = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(f => (OpCode)f.GetValue(null)!).ToDictionary(o => o.Value);

    /// <summary>One line for each member that names a higher floor, and for each namespace that is on none.</summary>
    public IReadOnlyList<string> Violations()
    {
        var found = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var type in assembly.GetTypes())
        {
            if (FolderOf(type) is not { } folder) continue;
            if (!order.Contains(folder)) found.Add($"{root}.{folder} is on no floor");
            foreach (var (member, used) in Uses(type))
                if (FolderOf(used) is { } other && Height(other) > Height(folder))
                    found.Add($"{Outermost(type).FullName}.{member} ({folder}) uses {Outermost(used).FullName} ({other}), which is above");
        }
        return [.. found];
    }

    // What is on no floor is reported once, not with every use.
    private int Height(string folder) => order.ToList().IndexOf(folder);

    private string? FolderOf(Type type) => Outermost(type).Namespace is { } name && name.StartsWith(root + ".", StringComparison.Ordinal)
        ? name[(root.Length + 1)..].Split('.')[0] : null;

    private static Type Outermost(Type type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    private static IEnumerable<(string Member, Type Used)> Uses(Type type)
    {
        IEnumerable<Type?> head = [type.BaseType, .. type.GetInterfaces(), .. Attributes(type), .. Constraints(type.GetGenericArguments())];
        var uses = head.Select(t => (Member: type.Name, Used: t));
        foreach (var field in type.GetFields(Declared))
            uses = uses.Concat(Attributes(field).Append(field.FieldType).Select(t => (field.Name, (Type?)t)));
        foreach (var property in type.GetProperties(Declared))
            uses = uses.Concat(Attributes(property).Select(t => (property.Name, (Type?)t)));
        foreach (var method in type.GetMethods(Declared).Concat<MethodBase>(type.GetConstructors(Declared)))
            uses = uses.Concat(Signature(method).Concat(Body(method)).Select(t => (method.Name, t)));
        return uses.SelectMany(use => Parts(use.Used).Select(part => (use.Member, part)));
    }

    private static IEnumerable<Type> Attributes(MemberInfo member) => member.GetCustomAttributesData().Select(a => a.AttributeType);

    private static IEnumerable<Type> Constraints(Type[] arguments)
        => arguments.Where(a => a.IsGenericParameter).SelectMany(a => a.GetGenericParameterConstraints());

    private static IEnumerable<Type?> Signature(MethodBase method)
        => [.. method.GetParameters().Select(p => p.ParameterType), (method as MethodInfo)?.ReturnType, .. Attributes(method),
            .. method.IsGenericMethod ? Constraints(method.GetGenericArguments()) : []];

    private static IEnumerable<Type?> Body(MethodBase method)
    {
        if (method.GetMethodBody() is not { } body) return [];
        return [.. body.LocalVariables.Select(v => v.LocalType),
            .. body.ExceptionHandlingClauses.Where(c => c.Flags == ExceptionHandlingClauseOptions.Clause).Select(c => c.CatchType),
            .. Tokens(body.GetILAsByteArray()!).SelectMany(token => Named(method, token))];
    }

    // Types, and what a method or field belongs to and is made of.
    private static IEnumerable<Type?> Named(MethodBase method, int token)
    {
        var own = method.IsGenericMethod ? method.GetGenericArguments() : null;
        return method.Module.ResolveMember(token, method.DeclaringType!.GetGenericArguments(), own) switch
        {
            Type type => [type],
            FieldInfo field => [field.DeclaringType, field.FieldType],
            MethodBase called =>
            [
                called.DeclaringType, (called as MethodInfo)?.ReturnType, .. called.GetParameters().Select(p => p.ParameterType),
                .. called.IsGenericMethod ? called.GetGenericArguments() : [],
            ],
            _ => [],
        };
    }

    private static IEnumerable<int> Tokens(byte[] code)
    {
        for (var at = 0; at < code.Length;)
        {
            // The longer instructions begin with 0xFE.
            var instruction = Instructions[code[at] == 0xfe ? (short)(0xfe00 | code[at + 1]) : code[at]];
            at += instruction.Size;
            var operand = instruction.OperandType;
            if (operand is OperandType.InlineMethod or OperandType.InlineField or OperandType.InlineType or OperandType.InlineTok)
                yield return BitConverter.ToInt32(code, at);
            at += operand switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * BitConverter.ToInt32(code, at),
                _ => 4,
            };
        }
    }

    private static IEnumerable<Type> Parts(Type? type)
    {
        if (type is null || type.IsGenericParameter) return [];
        if (type.HasElementType) return Parts(type.GetElementType());
        return type.IsGenericType ? type.GetGenericArguments().SelectMany(Parts).Append(type) : [type];
    }
}
