using System.Text.Json;
using System.Text.RegularExpressions;

namespace ConvexWeb.Server.Hosts;

/// <summary>
/// The libtorch of a trainer, without starting it: the build writes the packages that it was made of beside the program.
/// </summary>
internal static partial class TensorLibrary
{
    /// <param name="program">The trainer's .dll.</param>
    /// <returns>Such as <c>2.10.0 cpu</c> or <c>2.10.0 cuda-12.8</c>; null when it does not say.</returns>
    public static string? VersionOf(string program)
    {
        if (SystemFile.Read(Path.ChangeExtension(program, ".deps.json")) is not { } text) return null;
        try
        {
            using var document = JsonDocument.Parse(text);
            if (!document.RootElement.TryGetProperty("libraries", out var libraries)) return null;
            return libraries.EnumerateObject().Select(library => Package().Match(library.Name)).FirstOrDefault(match => match.Success)
                is { } found ? $"{found.Groups["version"].Value} {found.Groups["kind"].Value}" : null;
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    // libtorch-cpu-linux-x64/2.10.0, libtorch-cuda-12.8-linux-x64/2.10.0; the latter's parts have more words behind x64.
    [GeneratedRegex(@"^libtorch-(?<kind>cpu|cuda-[\d.]+)-linux-x64/(?<version>.+)$")]
    private static partial Regex Package();
}
