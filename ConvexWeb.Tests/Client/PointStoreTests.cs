using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace ConvexWeb.Tests.Client;

/// <summary>The browser's store of points, tested where it lives: in JavaScript, by Node's own test runner.</summary>
public sealed class PointStoreTests
{
    [Fact]
    public async Task Points_follow_their_sequence_numbers()
    {
        var folder = Path.GetDirectoryName(ThisFile())!;
        using var node = Process.Start(new ProcessStartInfo("node", ["--test", Path.Combine(folder, "points.test.mjs")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["POINTS_JS"] = Path.GetFullPath(Path.Combine(folder, "../../ConvexWeb.Client/Charts/points.js")) },
        })!;
        var errors = node.StandardError.ReadToEndAsync();
        var output = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync();

        Assert.True(node.ExitCode == 0, output + await errors);
        Assert.Contains("# pass 8", output.Replace('ℹ', '#'));
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
