using System.Globalization;

namespace ConvexWeb.Tests.Support;

/// <summary>The most memory that this process has had at once, by proc(5): that of native code is in it.</summary>
internal static class Peak
{
    /// <summary>Counts from what it has now; false where the system does not.</summary>
    public static bool TryForget()
    {
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
            return true;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    public static long Megabytes(int? process = null)
        => long.Parse(
            File.ReadLines($"/proc/{process?.ToString(CultureInfo.InvariantCulture) ?? "self"}/status")
                .Single(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
                .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
}
