using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>Batches at another size, beside Pillow; and ZCA whitening of few large images.</summary>
[Collection(TorchCollection.Name)]
public sealed class DatasetsResizeTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("convexweb-resize-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Theory]
    [InlineData("bilinear", 9)]
    [InlineData("bilinear", 40)]
    [InlineData("bicubic", 9)]
    [InlineData("bicubic", 40)]
    public void A_batch_is_resized_as_Pillow_does(string kind, int side)
    {
        using var scope = NewDisposeScope();
        var input = from_array(DatasetsGolden.Bytes("resize_input")).view(1, 3, 24, 24).to(ScalarType.Float32);
        var expected = from_array(DatasetsGolden.Bytes($"resize_{kind}_{side}")).view(1, 3, side, side).to(ScalarType.Float32);
        // Pillow rounds after each direction; once ours is rounded too, they differ by one grey level of 255 at most, and seldom.
        var differences = (Resizing.Apply(input, side, kind == "bicubic") - expected).abs()
            .data<float>().ToArray().Select(d => MathF.Round(d)).ToArray();
        Assert.InRange(differences.Max(), 0, 1);
        Assert.InRange(differences.Average(), 0, 0.3);
    }

    [Theory]
    [InlineData(PreprocessingKind.Standardize)]
    [InlineData(PreprocessingKind.Zca)]
    public async Task A_split_gives_batches_and_slices_at_the_wanted_size_after_the_preprocessing(PreprocessingKind preprocessing)
    {
        var spec = new Spec
        {
            Data = new GlyphsOptions
            {
                TrainSize = 50,
                TestSize = 10,
                Preprocessing = preprocessing,
                Resize = 20,
                Interpolation = Interpolation.Bicubic,
            },
        };
        var set = await new DatasetStore(root, new Fetcher(new HttpClient())).LoadAsync(spec.Data, null, _ => { }, default);
        Check(spec, set);
    }

    private void Check(Spec spec, ImageSet set)
    {
        using var scope = NewDisposeScope();
        using var resized = TrainingData.Prepare(spec, set, 1, CPU, root, null, _ => { });
        using var stored = TrainingData.Prepare(spec with { Data = spec.Data with { Resize = null } }, set, 1, CPU, root, null, _ => { });
        var expected = Resizing.Apply(stored.Train.Slice(5, 7).Images, 20, bicubic: true);
        Assert.Equal([7, 1, 20, 20], expected.shape);
        Assert.Equal(0, (resized.Train.Slice(5, 7).Images - expected).abs().max().item<float>());
        Assert.Equal(0, (resized.Train.Batch(arange(7, ScalarType.Int64) + 5).Images - expected).abs().max().item<float>());
        Assert.Equal([10, 1, 20, 20], resized.Test.Slice(0, 10).Images.shape);
    }

    [Fact]
    public void Models_are_built_for_the_resized_images_and_readers_see_the_stored_ones()
    {
        var data = new Cifar10Options { Resize = 16 };
        Assert.Equal(32, DatasetInfo.Stored(data).Height);
        Assert.Equal((3, 16, 16), (DatasetInfo.Of(data).Channels, DatasetInfo.Of(data).Height, DatasetInfo.Of(data).Width));
        var parameters = (int? resize) => Description.Of(new Spec { Data = data with { Resize = resize } }).Parameters;
        Assert.Equal(800 * 3 * (32 * 32 - 16 * 16), parameters(null) - parameters(16));
    }

    [Fact]
    public void The_MLP_of_S2_has_the_papers_size_on_SVHN_and_STL_10()
    {
        Assert.Equal(3_752_810, Description.Of(new Spec { Data = new SvhnOptions() }).Parameters);
        Assert.Equal(23_413_610, Description.Of(new Spec { Data = new Stl10Options() }).Parameters);
    }

    [Fact]
    public void Whitening_few_large_images_equals_whitening_with_the_whole_matrix()
    {
        using var scope = NewDisposeScope();
        Generator.Default.manual_seed(3);
        var images = (rand([30, 90]) * 255).to(ScalarType.Byte);
        var others = (rand([11, 90]) * 255).to(ScalarType.Byte);
        var (mean, matrix) = Whitening.Fit(images, 0.1);
        var (fewMean, basis) = Whitening.FitFew(images, 0.1);
        Assert.Equal([30, 90], basis.shape);
        foreach (var some in new[] { images, others })
        {
            var difference = Whitening.Apply(some, mean, matrix) - Whitening.ApplyFew(some, fewMean, basis, 0.1);
            Assert.InRange(difference.abs().max().item<float>(), 0, 2e-5);
        }
        // The test can fail: the identity over √eps alone is far off.
        var scaled = (images.to(ScalarType.Float32) / 255 - mean) / Math.Sqrt(0.1);
        Assert.True((Whitening.Apply(images, mean, matrix) - scaled).abs().max().item<float>() > 0.1);
    }

    [Fact]
    public async Task Few_large_images_are_whitened_in_a_run()
    {
        // 72 × 72 × 3 values, above which the matrix is left out.
        foreach (var (split, name) in new[] { ("train", "wide"), ("val", "tall") })
            foreach (var (kind, picture) in new[] { ("a", name), ("b", "progressive") })
                DatasetsGolden.Write($"picture_{picture}", root, "photos", split, kind, $"{picture}.jpg");
        var spec = new Spec
        {
            Convexity = new ExpEpsOptions(),
            Data = new ImageFolderOptions { Folder = "photos", Classes = 2, TrainImages = 2, TestImages = 2, ImageSize = 72 },
            Training = new TrainingOptions { BatchSize = 2 },
        };
        Assert.Empty(SpecReader.Read(SpecWriter.ToJson(spec).ToJsonString()).Problems);
        var set = await new DatasetStore(root, new Fetcher(new HttpClient())).LoadAsync(spec.Data, null, _ => { }, default);
        Assert.Equal(["basis", "mean"], Whiten(spec, set));
    }

    private string[] Whiten(Spec spec, ImageSet set)
    {
        using var scope = NewDisposeScope();
        using var data = TrainingData.Prepare(spec, set, 1, CPU, root, root, _ => { });
        Assert.Equal([2, 3, 72, 72], data.Test.Slice(0, 2).Images.shape);
        return [.. SafeTensors.Load(Path.Combine(root, "whitening.safetensors")).Tensors.Keys.Order()];
    }

    [Theory]
    [InlineData("""{"name": "stl10", "validation": 0.1}""", true)]
    [InlineData("""{"name": "svhn"}""", true)]
    [InlineData("""{"name": "imagenet", "image_size": 32, "train_limit": 100000}""", true)]
    [InlineData("""{"name": "imagenet"}""", false)]
    [InlineData("""{"name": "imagenet", "image_size": 128}""", false)]
    [InlineData("""{"name": "imagenet", "preprocessing": "standardize"}""", true)]
    public void Whitening_that_no_memory_could_hold_is_refused(string data, bool allowed)
    {
        var problems = SpecReader.Read($$$"""{"data": {{{data}}}, "convexity": {"name": "exp_eps"}}""").Problems;
        if (allowed) Assert.Empty(problems);
        else Assert.Equal("data.preprocessing", Assert.Single(problems).Path);
    }
}
