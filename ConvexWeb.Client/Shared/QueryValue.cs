using System.Globalization;

namespace ConvexWeb.Client.Shared;

/// <summary>
/// Values of an address, which anybody may have written: what is none counts as not given, where the framework would throw.
/// </summary>
public static class QueryValue
{
    public static long? Number(string? text)
        => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    public static bool Flag(string? text) => bool.TryParse(text, out var flag) && flag;
}
