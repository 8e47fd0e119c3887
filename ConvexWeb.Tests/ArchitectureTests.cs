using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace ConvexWeb.Tests;

/// <summary>The dependency rules of docs/architecture.md, over the project and source files.</summary>
public sealed partial class ArchitectureTests
{
    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, ".."));

    private static IEnumerable<(string Path, string Text)> Sources(string folder)
        => Directory.EnumerateFiles(Path.Combine(Root(), folder), "*.*", SearchOption.AllDirectories)
            .Where(f => Path.GetExtension(f) is ".cs" or ".razor" && !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal))
            .Select(f => (Path.GetRelativePath(Path.Combine(Root(), folder), f), File.ReadAllText(f)));

    [Theory]
    [InlineData("ConvexWeb.Training", "")]
    [InlineData("ConvexWeb.Client", "")]
    [InlineData("ConvexWeb.Server", "ConvexWeb.Client ConvexWeb.Training")]
    public void A_project_references_only_what_it_may(string project, string allowed)
    {
        var references = XDocument.Load(Path.Combine(Root(), project, project + ".csproj")).Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value)).Order();
        Assert.Equal(allowed.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(), references);
    }

    [Theory]
    [InlineData("ConvexWeb.Training", "ConvexWeb.Server", "ConvexWeb.Client", "Microsoft.AspNetCore", "Npgsql", "Quartz", "EntityFrameworkCore")]
    [InlineData("ConvexWeb.Client", "ConvexWeb.Server", "ConvexWeb.Training", "Npgsql", "Quartz", "EntityFrameworkCore", "TorchSharp")]
    [InlineData("ConvexWeb.Server", "TorchSharp", "ConvexWeb.Training.Native")]
    public void A_projects_sources_do_not_name(string project, params string[] banned)
    {
        var found = Sources(project).SelectMany(s => banned.Where(b => Regex.IsMatch(s.Text, $@"^\s*@?using (static )?{Regex.Escape(b)}\b|\b{Regex.Escape(b)}\.", RegexOptions.Multiline)).Select(b => $"{s.Path}: {b}"));
        Assert.Empty(found);
    }

    // Native ← Torch ← the middle ring ← Engine ← Cli. Seams are the files that may call native code past Torch.
    private static readonly Dictionary<string, int> Rings = new()
    {
        ["Native"] = 0,
        ["Torch"] = 1,
        ["Models"] = 2,
        ["Convexity"] = 2,
        ["Datasets"] = 2,
        ["Corruptions"] = 2,
        ["Optimizers"] = 2,
        ["Schedules"] = 2,
        ["Augmentations"] = 2,
        ["Specs"] = 2,
        ["Engine"] = 3,
        ["Cli"] = 4,
    };

    private static readonly string[] Seams =
        ["Optimizers/FusedStep.cs", "Datasets/Gather.cs", "Models/Graph/FusedLayers.cs", "Engine/Processor.cs"];

    [Fact]
    public void Training_is_rings()
    {
        var wrong = new List<string>();
        foreach (var (path, text) in Sources("ConvexWeb.Training"))
        {
            var folder = path.Contains('/') ? path[..path.IndexOf('/')] : "Cli";
            Assert.True(Rings.ContainsKey(folder), $"{path} is in no ring");
            // Inside ConvexWeb.Training another ring can be named without a using.
            foreach (var (ring, level) in Rings.Where(r => r.Value > Rings[folder] && Regex.IsMatch(text, $@"(?<![\w.]){r.Key}\.[A-Z]"))) wrong.Add($"{path} names {ring} (ring {level})");
            foreach (Match match in Uses().Matches(text))
            {
                var used = match.Groups[1].Value is { Length: > 0 } ours ? ours : "Torch";
                if (Rings[used] > Rings[folder]) wrong.Add($"{path} uses {used}");
                if (used == "Native" && folder is not ("Native" or "Torch") && !Seams.Contains(path)) wrong.Add($"{path} reaches past Torch");
            }
        }
        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData("ConvexWeb.Server", "Accounts Boards Catalog Certificates Datasets Http Live Metrics Persistence Runs Scheduling Studies Workers")]
    [InlineData("ConvexWeb.Client", "Accounts Boards Catalog Certificates Charts Contracts Datasets Live Metrics Runs Scheduling Shared Studies Workers")]
    public void A_folder_is_a_feature(string project, string features)
    {
        var folders = Sources(project).Where(s => s.Path.Contains('/')).Select(s => s.Path[..s.Path.IndexOf('/')]).Distinct();
        Assert.Empty(folders.Except(features.Split(' ')));
    }

    [Fact]
    public void Specs_and_catalogues_touch_nothing_native()
    {
        var wrong = Sources("ConvexWeb.Training").Where(s => s.Path.StartsWith("Specs/", StringComparison.Ordinal) || s.Path.EndsWith("Options.cs", StringComparison.Ordinal))
            .Where(s => s.Text.Contains("TorchSharp", StringComparison.Ordinal)).Select(s => s.Path);
        Assert.Empty(wrong);
    }

    [Fact]
    public void Only_Native_declares_foreign_functions()
        => Assert.Empty(Sources("ConvexWeb.Training").Where(s => !s.Path.StartsWith("Native/", StringComparison.Ordinal) && Regex.IsMatch(s.Text, "LibraryImport|DllImport")).Select(s => s.Path));

    [GeneratedRegex(@"^using (?:static )?(?:ConvexWeb\.Training\.(\w+)|TorchSharp)", RegexOptions.Multiline)]
    private static partial Regex Uses();
}
