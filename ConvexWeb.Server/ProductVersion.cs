using System.Reflection;

namespace ConvexWeb.Server;

/// <summary>The version of this program, without the commit that it was made of.</summary>
public static class ProductVersion
{
    public static string Text { get; } =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
