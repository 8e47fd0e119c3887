using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace ConvexWeb.Tests;

/// <summary>The dependency rules of docs/architecture.md, over the project and source files.</summary>
public sealed class ArchitectureTests
{
    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, ".."));

    private static IEnumerable<(string Path, string Text)> Sources(string folder) => Sources(folder, ".cs", ".razor");

    private static IEnumerable<(string Path, string Text)> Sources(string folder, params string[] extensions)
        => Directory.EnumerateFiles(Path.Combine(Root(), folder), "*.*", SearchOption.AllDirectories)
            .Where(f => extensions.Contains(Path.GetExtension(f)) && !f.Split('/').Intersect(["obj", "bin", "node_modules", "dist"]).Any())
            .Select(f => (Path.GetRelativePath(Path.Combine(Root(), folder), f), File.ReadAllText(f)));

    [Fact]
    public void Lines_have_at_most_140_columns()
        => Assert.Empty(
            from project in (string[])["ConvexWeb.Training", "ConvexWeb.Server", "ConvexWeb.Client", "ConvexWeb.Tests"]
            from source in Sources(project, ".cs", ".razor", ".js", ".mjs", ".css")
            from line in source.Text.Split('\n').Select((text, i) => (Text: text, Number: i + 1))
            where line.Text.Length > 140
            select $"{project}/{source.Path}:{line.Number}");

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
    [InlineData(
        "ConvexWeb.Training", "ConvexWeb.Server", "ConvexWeb.Client", "Microsoft.AspNetCore", "Npgsql", "Hangfire", "EntityFrameworkCore")]
    [InlineData("ConvexWeb.Client", "ConvexWeb.Server", "ConvexWeb.Training", "Npgsql", "Hangfire", "EntityFrameworkCore", "TorchSharp")]
    [InlineData("ConvexWeb.Server", "TorchSharp")]
    public void A_projects_sources_do_not_name(string project, params string[] banned)
    {
        var found = Sources(project).SelectMany(s => banned
            .Where(b => Regex.IsMatch(
                s.Text, $@"^\s*@?using (static )?{Regex.Escape(b)}\b|\b{Regex.Escape(b)}\.", RegexOptions.Multiline))
            .Select(b => $"{s.Path}: {b}"));
        Assert.Empty(found);
    }

    // docs/architecture.md: each folder of Training names only folders before it.
    private static readonly string[] TrainingFloors =
    [
        "Files", "Options", "Kernels", "Convexity", "Models", "Data", "Theory", "Labels", "Pixels", "Augmentations", "Regularization",
        "Schedules", "Annealing", "Optimizers", "Specs", "Events", "Engine", "Cli",
    ];

    [Fact]
    public void Training_is_floors()
        => Assert.Empty(new Floors(typeof(ConvexWeb.Training.Specs.Spec).Assembly, "ConvexWeb.Training", TrainingFloors).Violations());

    // docs/architecture.md: each folder of Server names only folders before it.
    private static readonly string[] ServerFloors =
    [
        "Persistence", "Http", "Audit", "Accounts", "Catalog", "Theory", "Hosts", "Leasing", "Ingest", "Trainers", "Backups",
        "Certificates", "Studies", "Runs", "Live", "Workers", "Scheduling", "Commands",
    ];

    // A component whose first tag is another component has no element that its style sheet could begin at, and "::deep" matches nothing.
    [Fact]
    public void A_style_sheet_that_begins_with_deep_stands_beside_an_element()
    {
        var client = Path.Combine(Root(), "ConvexWeb.Client");
        var sheets = Directory.EnumerateFiles(client, "*.razor.css", SearchOption.AllDirectories)
            .Where(sheet => !sheet.Contains("/obj/", StringComparison.Ordinal)
                && !File.ReadAllText(sheet[..^".css".Length]).StartsWith("@page", StringComparison.Ordinal) // several roots, each looked at
                && File.ReadLines(sheet).Any(line => line.TrimStart().StartsWith("::deep", StringComparison.Ordinal))).ToList();

        Assert.NotEmpty(sheets);
        Assert.All(sheets, sheet => Assert.Matches(@"\A(?:\s*@[^\n]*\n|\s)*<[a-z]", File.ReadAllText(sheet[..^".css".Length])));
    }

    [Fact]
    public void Server_is_floors()
        => Assert.Empty(new Floors(typeof(ConvexWeb.Server.Settings).Assembly, "ConvexWeb.Server", ServerFloors).Violations());

    [Fact]
    public void A_planted_circle_is_found_with_type_and_member()
    {
        var violation = Assert.Single(new Floors(typeof(ArchitectureTests).Assembly, "Planted", ["Low", "High"]).Violations());
        Assert.Equal("Planted.Low.Ground.Reach (Low) uses Planted.High.Roof (High), which is above", violation);
    }

    [Fact]
    public void A_namespace_on_no_floor_is_found()
        => Assert.Contains("Planted.High is on no floor", new Floors(typeof(ArchitectureTests).Assembly, "Planted", ["Low"]).Violations());

    [Fact]
    public void A_folder_of_Training_is_a_floor_and_the_namespace_of_its_files()
    {
        foreach (var (path, text) in Sources("ConvexWeb.Training").Where(s => s.Path.Contains('/')))
        {
            Assert.Contains(path[..path.IndexOf('/')], TrainingFloors);
            var name = "ConvexWeb.Training." + Path.GetDirectoryName(path)!.Replace('/', '.');
            Assert.True(text.Contains($"namespace {name};", StringComparison.Ordinal), $"{path} is not in the namespace {name}");
        }
    }

    [Theory]
    [InlineData(
        "ConvexWeb.Client",
        "Accounts Api Boards Catalog Certificates Charts Contracts Datasets Live Metrics Runs Scheduling Shared Studies Workers")]
    public void A_folder_is_a_feature(string project, string features)
    {
        var folders = Sources(project).Where(s => s.Path.Contains('/')).Select(s => s.Path[..s.Path.IndexOf('/')]).Distinct();
        Assert.Empty(folders.Except(features.Split(' ')));
    }

    [Fact]
    public void Specs_and_catalogues_touch_nothing_native()
    {
        var wrong = Sources("ConvexWeb.Training")
            .Where(s => s.Path.StartsWith("Specs/", StringComparison.Ordinal) || s.Path.EndsWith("Options.cs", StringComparison.Ordinal))
            .Where(s => s.Text.Contains("TorchSharp", StringComparison.Ordinal)).Select(s => s.Path);
        Assert.Empty(wrong);
    }

    [Fact]
    public void Only_Kernels_declares_foreign_functions()
        => Assert.Empty(Sources("ConvexWeb.Training")
            .Where(s => !s.Path.StartsWith("Kernels/", StringComparison.Ordinal) && Regex.IsMatch(s.Text, "LibraryImport|DllImport"))
            .Select(s => s.Path));
}
