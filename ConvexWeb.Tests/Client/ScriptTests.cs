using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace ConvexWeb.Tests.Client;

/// <summary>What the browser does with points and with the hub, tested where it lives: in JavaScript, by Node's own test runner.</summary>
public sealed class ScriptTests
{
    [Theory]
    [InlineData("points", 9)]
    [InlineData("live", 2)]
    [InlineData("curves", 4)]
    [InlineData("metrics", 4)]
    [InlineData("address", 3)]
    public async Task The_rules_of_a_script_hold(string script, int tests)
    {
        var folder = Path.GetDirectoryName(ThisFile())!;
        using var node = Process.Start(new ProcessStartInfo("node", ["--test", Path.Combine(folder, $"{script}.test.mjs")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["SCRIPT"] = Path.GetFullPath(Path.Combine(folder, $"../../ConvexWeb.Client/Charts/{script}.js")) },
        })!;
        var errors = node.StandardError.ReadToEndAsync();
        var output = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync();

        Assert.True(node.ExitCode == 0, output + await errors);
        Assert.Contains($"# pass {tests}", output.Replace('ℹ', '#'));
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
