using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace ConvexWeb.Tests.Support;

/// <summary>bUnit asks for AngleSharp.Diffing 1.0; version 0.17, which lies beside it, has all that it calls.</summary>
internal static class BunitAssemblies
{
    [ModuleInitializer]
    internal static void Resolve() => AssemblyLoadContext.Default.Resolving += static (context, name) =>
        name.Name == "AngleSharp.Diffing" ? Load(context, name.Name) : null;

    private static Assembly Load(AssemblyLoadContext context, string name) =>
        context.LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, name + ".dll"));
}
