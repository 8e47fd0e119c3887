using System.Diagnostics;
using System.Globalization;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Training;

/// <summary>The commands <c>datasets</c> and <c>bench decode</c> on a folder of images, as processes of their own.</summary>
[Collection(TorchCollection.Name)]
[Trait("kind", "slow")]
public sealed class DatasetsCommandTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("convexweb-datasets-").FullName;

    public DatasetsCommandTests()
    {
        DatasetsGolden.Write("picture_wide", root, "photos", "train", "a", "1.jpg");
        DatasetsGolden.Write("picture_grey", root, "photos", "train", "b", "2.jpg");
        DatasetsGolden.Write("picture_tall", root, "photos", "val", "a", "3.jpg");
        DatasetsGolden.Write("picture_tall", root, "photos", "val", "b", "4.jpg");
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    private async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(TrainerProgram.Host, [TrainerProgram.File, .. arguments, "--data", root])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }

    [Fact]
    public async Task List_knows_every_set_and_names_the_folders_of_images()
    {
        var (code, output, _) = await RunAsync("datasets", "list");
        Assert.Equal(0, code);
        Assert.Contains("here: photos", output);
        var missing = output.Split('\n')
            .Where(line => line.Contains("not here", StringComparison.Ordinal)).Select(line => line.Split(' ')[0]).ToList();
        foreach (var name in new[] { "svhn", "stl10", "cifair10", "cifair100", "imagenet" }) Assert.Contains(name, missing);
    }

    [Fact]
    public async Task Verify_counts_a_folder_of_images_and_prints_what_the_spec_needs()
    {
        var (code, output, error) = await RunAsync("datasets", "verify", "image_folder", "--folder", "photos");
        Assert.True(code == 0, error);
        Assert.Contains("""{"name": "image_folder", "folder": "photos", "classes": 2, "train_images": 2, "test_images": 2}""", output);
        Assert.Contains("2 training and 2 test images, 2 classes", output);
    }

    [Theory]
    [InlineData("verify image_folder", 2, "there are photos")]
    [InlineData("verify image_folder --folder ../photos", 2, "--folder must name a folder")]
    [InlineData("verify image_folder --folder pets", 1, "There is no folder")]
    [InlineData("verify imagenet", 1, "There is no folder")]
    [InlineData("verify svhn", 2, "datasets fetch svhn")]
    [InlineData("fetch imagenet", 2, "cannot be fetched")]
    public async Task What_cannot_be_done_is_said_in_a_sentence(string arguments, int code, string reason)
    {
        var result = await RunAsync(["datasets", .. arguments.Split(' ')]);
        Assert.Equal(code, result.Code);
        Assert.Contains(reason, result.Error);
        Assert.DoesNotContain("   at ", result.Error);
    }

    [Fact]
    public async Task Bench_decode_prints_images_per_second()
    {
        var (code, output, error) = await RunAsync(
            "bench", "decode", "--folder", "photos", "--size", "32", "--threads", "2", "--images", "50");
        Assert.True(code == 0, error);
        Assert.True(double.Parse(output, CultureInfo.InvariantCulture) > 1);
    }
}
