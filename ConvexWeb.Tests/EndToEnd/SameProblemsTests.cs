using System.Diagnostics;
using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Training;
using ConvexWeb.Tests.Workers;
using ConvexWeb.Training.Specs;
using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>A wrong spec is refused in the same words at the same field, wherever it is brought: there is one reader.</summary>
[Collection(ProductCollection.Name)]
public sealed class SameProblemsTests(Product product)
{
    // Text that is none (half of a character) is refused by the API before it knows that there is a spec.
    private static readonly List<string> Malformed =
    [
        .. SpecTests.Malformed().Select(row => row.Data.Item1)
            .Where(json => IsObject(json) && !json.Contains("\\ud", StringComparison.OrdinalIgnoreCase)),
    ];

    [Fact]
    public async Task Check_submission_and_command_line_say_the_same_and_nothing_is_stored()
    {
        Assert.True(Malformed.Count >= 30, $"only {Malformed.Count}");
        using var client = await product.Installation.ClientAsync();
        var before = await CountAsync();
        var differences = new List<string>();
        await Parallel.ForEachAsync(Malformed, new ParallelOptions { MaxDegreeOfParallelism = 3 }, async (json, _) =>
        {
            var expected = SpecReader.Read(json).Problems;
            var check = await (await client.PostJsonAsync("/api/v1/specs/check", json)).ReadAsync<SpecCheck>();
            var refused = await (await client.PostJsonAsync("/api/v1/runs", $$"""{"spec":{{json}}}""")).ProblemsAsync();
            var (code, lines) = await CommandLineAsync(json);
            var messages = expected.Select(problem => $"{problem.Path}: {problem.Message}").ToList();
            Compare("check", messages, check.Problems.Select(problem => $"{problem.Path}: {problem.Message}"));
            Compare("runs", messages, refused.SelectMany(field => field.Value.Select(message => $"{field.Key}: {message}")));
            Compare("command line", expected.Select(problem => problem.Sentence).Prepend("2"), lines.Prepend($"{code}"));

            void Compare(string where, IEnumerable<string> wanted, IEnumerable<string> got)
            {
                var (one, other) = (string.Join("\n", wanted), string.Join("\n", got));
                if (one == other) return;
                lock (differences) differences.Add($"{where}, {json}:\n{one}\n{other}");
            }
        });
        Assert.Empty(differences);
        Assert.Equal(before, await CountAsync());
    }

    [Fact]
    public async Task What_is_no_JSON_object_is_one_problem_everywhere()
    {
        using var client = await product.Installation.ClientAsync();
        foreach (var json in SpecTests.Malformed().Select(row => row.Data.Item1).Where(json => !IsObject(json)))
        {
            Assert.Single(SpecReader.Read(json).Problems);
            using var check = await client.PostJsonAsync("/api/v1/specs/check", json);
            if (check.IsSuccessStatusCode) Assert.Equal("", Assert.Single((await check.ReadAsync<SpecCheck>()).Problems).Path);
            else Assert.Equal("", Assert.Single((await check.ProblemsAsync()).Keys));
            Assert.Equal(2, (await CommandLineAsync(json)).Code);
        }
    }

    [Fact]
    public async Task The_form_says_the_same()
    {
        var (page, errors) = await product.Installation.OpenAsync("/new");
        var text = page.Locator("#spec-json");
        await page.ListensAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "JSON", Exact = true }).ClickAsync();
        foreach (var json in new[]
                 {
                     """{"model": {"name": "mlp", "width": 800.5}}""", """{"model": {"name": "mlp", "width": 1, "width": 2}}""",
                     """{"modell": {"name": "mlp"}}""",
                     """{"model": {"name": "mlp", "width": 16384, "depth": 16}}""",
                     """{"labels": {"name": "partial", "p": 1.5}}""", """{"optimizer": {"name": "adam", "lr": 1e999}}""",
                     """{"schedule": {"name": "multi_step", "milestones": [5, 3]}}""",
                 })
        {
            Assert.Contains(json, Malformed);
            await text.FillAsync(json);
            await page.Locator("#spec-json-problem").ShowsAsync(Assert.Single(SpecReader.Read(json).Problems).Sentence);
            await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Queue the run" })).ToBeDisabledAsync();
        }
        await text.FillAsync("{\"model\":");
        await page.Locator("#spec-json-problem").ShowsAsync("This is not JSON yet");
        await text.FillAsync("{}");
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Queue the run" })).ToBeEnabledAsync();
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    private Task<string> CountAsync()
        => product.Installation.Database.ScalarAsync<string>(
            "select (select count(*) from studies) || ' ' || (select count(*) from runs)");

    private static async Task<(int Code, IReadOnlyList<string> Lines)> CommandLineAsync(string json)
    {
        using var process = Process.Start(new ProcessStartInfo(TrainerProgram.Host, [TrainerProgram.File, "check", "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        await process.StandardInput.WriteLineAsync(json);
        process.StandardInput.Close();
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, text.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static bool IsObject(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
