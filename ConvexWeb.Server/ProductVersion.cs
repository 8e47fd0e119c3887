using System.Reflection;
using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server;

/// <summary>
/// The version of this program, without the commit that it was made of; with the database's schema, which changes more often than the
/// number that is given to a release.
/// </summary>
public static class ProductVersion
{
    public static string Text { get; } = $"{Number()} (schema {Migration.Embedded[^1].Number})";

    private static string Number() =>
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
