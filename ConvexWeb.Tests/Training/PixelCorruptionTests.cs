using System.Security.Cryptography;
using System.Text.Json;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Pixels;

namespace ConvexWeb.Tests.Training;

/// <summary>
/// Corruptions of labels and images equal those of independent NumPy code written from science.md C and S8a.4 (make_corruptions.py): T.10.
/// </summary>
public sealed class PixelCorruptionTests
{
    private const int Images = 100, Side = 32;

    private static readonly JsonElement Golden = JsonDocument.Parse(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Training/Golden/corruptions.json"))).RootElement;

    private static readonly int[] Truth = [.. Enumerable.Range(0, Images).Select(i => i * 7 % 10)];

    private static readonly Dictionary<string, LabelOptions> Labels = new()
    {
        ["truth"] = new TrueLabelOptions(),
        ["partial 0.5"] = new PartialLabelOptions { P = 0.5 },
        ["partial_exact 0.3"] = new PartialExactLabelOptions { P = 0.3 },
        ["random"] = new RandomLabelOptions(),
        ["sym_wrong 0.4"] = new SymmetricWrongLabelOptions { P = 0.4 },
        ["seed001_labels 0.5"] = new Seed001LabelOptions { P = 0.5 },
    };

    private static readonly Dictionary<string, PixelOptions> Pixels = new()
    {
        ["shuffled_pixels"] = new ShuffledPixelOptions(),
        ["random_pixels"] = new RandomPixelOptions(),
        ["gaussian"] = new GaussianPixelOptions(),
        ["add_noise"] = new AddedNoiseOptions { Deviation = 0.2 },
        ["seed001_gaussian"] = new Seed001GaussianOptions(),
        ["seed001_rows"] = new Seed001RowsOptions(),
        ["seed001_shuffled"] = new Seed001ShuffledOptions(),
    };

    public static TheoryData<string> LabelNames() => [.. Labels.Keys];

    public static TheoryData<string, int> PixelNames()
    {
        var data = new TheoryData<string, int>();
        foreach (var (name, options) in Pixels)
        {
            data.Add(name, 32);
            if (options is not Seed001PixelOptions) data.Add(name, 28);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(LabelNames))]
    public void T10_Labels_are_those_of_NumPy(string name)
    {
        var expected = Golden.GetProperty("labels").GetProperty(name).EnumerateArray().Select(v => v.GetInt32());
        Assert.Equal(expected, LabelCorruption.Apply(Labels[name], Truth, 10, 42).Labels);
    }

    [Theory]
    [MemberData(nameof(PixelNames))]
    public void T10_Images_are_those_of_NumPy(string name, int side)
    {
        var expected = Golden.GetProperty("images").GetProperty(side.ToString()).GetProperty(name);
        var options = Pixels[name];
        var images = Cropped(side);
        var corruption = new PixelCorruption(options, 42, (3, side, side), ChannelMoments.Of(images, 3, side * side));
        foreach (var split in new[] { "train", "test" })
        {
            var (isTest, size) = (split == "test", 3 * side * side);
            if (!options.MakesFloats)
            {
                // Seed 001's code leaves the test images, which the caller looks at.
                var result = isTest && !options.IsForTest ? images : new byte[images.Length];
                if (result != images)
                    for (var i = 0; i < Images; i++)
                        corruption.Levels(images.AsSpan(i * size, size), result.AsSpan(i * size, size), i, isTest);
                Assert.Equal(expected.GetProperty(split).GetString(), Convert.ToHexStringLower(SHA256.HashData(result)));
                continue;
            }
            var numbers = new float[images.Length];
            for (var i = 0; i < Images; i++)
                corruption.Numbers(images.AsSpan(i * size, size), numbers.AsSpan(i * size, size), i, isTest);
            AssertNumbers(expected.GetProperty(split), numbers, size);
        }
    }

    [Fact]
    public void Moments_are_NumPys_behind_the_crop()
    {
        foreach (var side in new[] { 28, 32 })
        {
            var expected = Golden.GetProperty("images").GetProperty(side.ToString()).GetProperty("gaussian");
            var moments = ChannelMoments.Of(Cropped(side), 3, side * side);
            foreach (var (name, values) in new[] { ("mean", moments.Mean), ("sd", moments.Deviation) })
                foreach (var (one, other) in expected.GetProperty(name).EnumerateArray().Select(v => v.GetDouble()).Zip(values))
                    Assert.Equal(one, other, 12);
        }
    }

    [Fact]
    public void A_corruption_seed_of_its_own_takes_the_place_of_the_runs()
    {
        var image = Cropped(32).AsSpan(0, 3072);
        byte[] Of(RandomPixelOptions options, ulong seed)
        {
            var result = new byte[3072];
            new PixelCorruption(options, seed, (3, 32, 32), new([], [])).Levels(Cropped(32).AsSpan(0, 3072), result, 0, false);
            return result;
        }
        Assert.Equal(Of(new(), 7), Of(new() { CorruptionSeed = 7 }, 1));
        Assert.NotEqual(Of(new(), 7), Of(new(), 1));
        Assert.NotEqual(image.ToArray(), Of(new(), 1));
        Assert.Equal(
            LabelCorruption.Apply(new RandomLabelOptions { CorruptionSeed = 7 }, Truth, 10, 1).Sha256,
            LabelCorruption.Apply(new RandomLabelOptions(), Truth, 10, 7).Sha256);
    }

    [Theory]
    [InlineData(10, 0.5, 39.3, 35.4)]
    [InlineData(10, 0.9, 59.3, 53.4)]
    [InlineData(100, 0.5, 39.3, 38.9)]
    [InlineData(100, 0.9, 59.3, 58.7)]
    public void Seed_001_touches_fewer_labels_than_it_says(int classes, double p, double touched, double wrong)
    {
        var truth = Enumerable.Range(0, 50_000).Select(i => i % classes).ToArray();
        var labels = LabelCorruption.Apply(new Seed001LabelOptions { P = p }, truth, classes, 42);
        Assert.Equal(wrong, 100 * labels.WrongShare, 0.5);
        // Touched: which classes the truth has makes no difference to the places, so a truth that is never drawn shows them all.
        var marked = LabelCorruption.Apply(new Seed001LabelOptions { P = p }, [.. Enumerable.Repeat(99, 50_000)], 100, 42);
        Assert.Equal(touched, 100 * marked.WrongShare, 0.5);
    }

    private static void AssertNumbers(JsonElement expected, float[] numbers, int size)
    {
        foreach (var image in expected.GetProperty("first").EnumerateObject())
        {
            var own = numbers.AsSpan(int.Parse(image.Name) * size, 12).ToArray();
            foreach (var (one, other) in image.Value.EnumerateArray().Select(v => v.GetDouble()).Zip(own)) Assert.Equal(one, other, 1e-6);
        }
        Assert.Equal(expected.GetProperty("sum").GetDouble(), numbers.Sum(v => (double)v), 0.01);
        Assert.Equal(expected.GetProperty("sum_squares").GetDouble(), numbers.Sum(v => (double)v * v), 0.01);
    }

    private static byte[] Cropped(int side)
    {
        var (images, first) = (new byte[Images * 3 * side * side], (Side - side) / 2);
        for (var at = 0; at < images.Length; at++)
        {
            var (i, c, y, x) = (at / (3 * side * side), at / (side * side) % 3, at / side % side + first, at % side + first);
            var k = y * Side + x;
            images[at] = (byte)((i * 7919 + c * 104729 + k * 31 + k * k % 251) % 256);
        }
        return images;
    }
}
