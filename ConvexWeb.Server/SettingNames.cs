using System.Collections;
using System.Reflection;
using ConvexWeb.Server.Leasing;

namespace ConvexWeb.Server;

/// <summary>Names in section <c>Convex</c> that no setting has: a typing error would leave a default in force without a word.</summary>
internal static class SettingNames
{
    private const BindingFlags Public = BindingFlags.Instance | BindingFlags.Public | BindingFlags.IgnoreCase;

    public static IEnumerable<string> Unknown(IConfiguration configuration)
        => Unknown(configuration.GetSection("Convex"), typeof(Settings));

    private static IEnumerable<string> Unknown(IConfigurationSection section, Type type)
    {
        foreach (var child in section.GetChildren())
        {
            var known = type == typeof(Settings) && child.Key.Equals("Worker", StringComparison.OrdinalIgnoreCase)
                ? typeof(WorkerSettings) : Setting(type, child.Key);
            if (known is null) yield return $"{child.Path} is not a setting.";
            else if (!typeof(IEnumerable).IsAssignableFrom(known))
                foreach (var unknown in Unknown(child, known)) yield return unknown;
        }
    }

    // What is only computed is none: it has no way to be set, and is no group of settings.
    private static Type? Setting(Type type, string name)
        => type.GetProperty(name, Public) is { SetMethod.IsPublic: true } property ? property.PropertyType : null;
}
