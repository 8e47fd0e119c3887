using System.Diagnostics;
using System.Text.Json;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Training;

/// <summary>The commands <c>theorem1</c> and <c>loss-convexity</c>: exit code, text and JSON of a process of their own.</summary>
[Trait("kind", "slow")]
public sealed class TheoryCommandTests
{
    private sealed record Result(int Code, string Output, string Error);

    private static async Task<Result> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(TrainerProgram.Host, [TrainerProgram.File, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new(process.ExitCode, output, await error);
    }

    [Fact]
    public async Task Theorem1_says_what_it_is_and_that_all_labels_are_right()
    {
        var result = await RunAsync("theorem1", "--points", "500", "--dims", "7", "--seed", "3", "--outputs", "--depth", "4");

        Assert.Equal((0, ""), (result.Code, result.Error));
        Assert.StartsWith("A construction, not a training", result.Output, StringComparison.Ordinal);
        Assert.Contains("1,007 stored numbers; 2n + d = 1,007", result.Output, StringComparison.Ordinal);
        Assert.Contains("100.000 % of labels", result.Output, StringComparison.Ordinal);
        Assert.Contains("10 outputs", result.Output, StringComparison.Ordinal);
        Assert.Contains("depth 4", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Theorem1_gives_its_numbers_as_JSON_in_snake_case()
    {
        var result = await RunAsync("theorem1", "--points", "200", "--dims", "3", "--classes", "4", "--json");

        Assert.Equal(0, result.Code);
        var json = JsonDocument.Parse(result.Output).RootElement;
        Assert.Equal(403, json.GetProperty("stored_numbers").GetInt64());
        Assert.Equal(100, json.GetProperty("precisions")[0].GetProperty("accuracy").GetDouble());
        Assert.Equal(25, json.GetProperty("fresh").GetProperty("chance").GetDouble());
        Assert.Equal(400, json.GetProperty("curve").GetProperty("places").GetArrayLength());
        Assert.False(json.TryGetProperty("outputs", out _));
    }

    [Fact]
    public async Task Theorem1_takes_the_images_of_a_data_set_with_their_labels()
    {
        var folder = Directory.CreateTempSubdirectory("convexweb-theory-").FullName;
        var result = await RunAsync("theorem1", "--points", "300", "--dataset", "glyphs", "--data", folder, "--json");
        Directory.Delete(folder, recursive: true);

        Assert.Equal(0, result.Code);
        var json = JsonDocument.Parse(result.Output).RootElement;
        Assert.Equal(("glyphs", 784, 2 * 300 + 784L), (
            json.GetProperty("source").GetString(), json.GetProperty("dimensions").GetInt32(),
            json.GetProperty("stored_numbers").GetInt64()));
        Assert.Equal(100, json.GetProperty("precisions")[0].GetProperty("accuracy").GetDouble());
    }

    [Fact]
    public async Task Loss_convexity_shows_a_negative_eigenvalue_and_the_control()
    {
        var text = await RunAsync("loss-convexity", "--layers", "3", "--width", "4", "--inputs", "5");
        var json = await RunAsync("loss-convexity", "--json");

        Assert.Equal((0, 0), (text.Code, json.Code));
        Assert.Contains("not in the factors", text.Output, StringComparison.Ordinal);
        Assert.Contains("at a small random place", text.Output, StringComparison.Ordinal);
        var cases = JsonDocument.Parse(json.Output).RootElement.GetProperty("cases");
        Assert.Equal(["control_at_zero", "at_zero"], cases.EnumerateArray().Select(at => at.GetProperty("place").GetString()));
        Assert.True(cases[0].GetProperty("smallest_eigenvalue").GetDouble() > 0);
        Assert.True(cases[1].GetProperty("smallest_eigenvalue").GetDouble() < 0);
    }

    [Theory]
    [InlineData("theorem1", "--points", "1")]
    [InlineData("theorem1", "--points", "many")]
    [InlineData("theorem1", "--dims", "0")]
    [InlineData("theorem1", "--classes", "1")]
    [InlineData("theorem1", "--seed", "-1")]
    [InlineData("theorem1", "--depth", "1")]
    [InlineData("theorem1", "--dataset", "nonsense")]
    [InlineData("theorem1", "--dataset", "image_folder")]
    [InlineData("theorem1", "--dataset", "glyphs", "--dims", "7")]
    // Whole numbers of 1/255 on a square: among 2,000 points two are equal.
    [InlineData("theorem1", "--dataset", "toy_shapes", "--points", "2000")]
    [InlineData("loss-convexity", "--layers", "0")]
    [InlineData("loss-convexity", "--layers", "6")]
    [InlineData("loss-convexity", "--width", "33")]
    [InlineData("loss-convexity", "--inputs", "x")]
    public async Task Bad_input_ends_with_2_and_a_sentence(params string[] arguments)
    {
        var result = await RunAsync(arguments);

        Assert.Equal(2, result.Code);
        Assert.NotEmpty(result.Error.Trim());
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }
}
