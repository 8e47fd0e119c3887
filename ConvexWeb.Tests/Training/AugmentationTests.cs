using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Specs;
using TorchSharp;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>Augmentation: each operation against Pillow, the draws against their distributions, and whole trainings with it.</summary>
[Collection(TorchCollection.Name)]
public sealed class AugmentationTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> golden =
        SafeTensors.Load(Path.Combine(AppContext.BaseDirectory, "Training/Golden/augmentations.safetensors")).Tensors;
    private readonly string root = Directory.CreateTempSubdirectory("convexweb-augment-").FullName;

    public void Dispose()
    {
        scope.Dispose();
        Directory.Delete(root, recursive: true);
    }

    private static readonly float[] Fill = [124, 117, 104];

    private static Tensor Random(params long[] shape)
    {
        manual_seed(4);
        return rand(shape);
    }

    private static Tensor Levels(params long[] shape) => Random(shape).mul(255.99).floor();

    private static double Distance(Tensor a, Tensor b) => (a - b).abs().max().to(ScalarType.Float64).item<double>();

    public static TheoryData<string> Kinds() => [.. Enum.GetNames<Operation>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void An_operation_gives_Pillows_levels(string name)
    {
        var operation = Enum.Parse<Operation>(name);
        var moves = name is "Rotate" or "ShearX" or "ShearY" or "TranslateX" or "TranslateY";
        foreach (var kind in new[] { "rgb", "grey" })
        {
            var images = golden[kind].to(ScalarType.Float32);
            var keys = golden.Keys.Where(k => k.StartsWith($"{kind}/{name}/", StringComparison.Ordinal)).ToList();
            Assert.NotEmpty(keys.Concat((kind, name) == ("grey", "Color") ? ["none"] : []));
            foreach (var key in keys)
            {
                var levels = images.clone();
                var treatment = new Treatment(operation, double.Parse(key.Split('/')[2]));
                RandAugment.Apply(levels, [.. Enumerable.Repeat<Treatment?>(treatment, 4)], kind == "rgb" ? Fill : Fill[..1]);
                var difference = (levels - golden[key].to(ScalarType.Float32)).abs();
                // Between pixels Pillow and libtorch round their weights differently; everywhere else the levels are the same.
                Assert.True(difference.max().item<float>() <= (moves ? 1 : 0), $"{key}: {difference.max().item<float>()}");
                Assert.True(difference.mean().item<float>() <= 0.02, $"{key}: {difference.mean().item<float>()}");
            }
        }
    }

    [Fact]
    public void An_image_of_one_channel_keeps_its_colour()
    {
        var levels = golden["grey"].to(ScalarType.Float32);
        var before = levels.clone();
        RandAugment.Apply(levels, [.. Enumerable.Repeat<Treatment?>(new(Operation.Color, 0.1), 4)], Fill[..1]);
        Assert.Equal(0, Distance(before, levels));
    }

    [Fact]
    public void A_batch_of_different_treatments_is_treated_as_each_image_alone()
    {
        Treatment?[] treatments =
        [
            new(Operation.Rotate, 20), null, new(Operation.Equalize, 0), new(Operation.Sharpness, 1.8),
            new(Operation.TranslateY, -0.3), new(Operation.Contrast, 0.2),
            new(Operation.AutoContrast, 0), new(Operation.Posterize, 1), new(Operation.Color, 1.7),
            new(Operation.ShearX, 0.2), new(Operation.Sharpness, 0.3), new(Operation.Equalize, 0),
        ];
        var images = Levels(treatments.Length, 3, 20, 24).mul(0.7).add(30).floor();
        var together = images.clone();
        RandAugment.Apply(together, treatments, Fill);
        for (var i = 0; i < treatments.Length; i++)
        {
            var alone = images.narrow(0, i, 1).clone();
            RandAugment.Apply(alone, [treatments[i]], Fill);
            Assert.Equal(0, Distance(alone, together.narrow(0, i, 1)));
            if (treatments[i] is null) Assert.Equal(0, Distance(alone, images.narrow(0, i, 1)));
            else Assert.True(Distance(alone, images.narrow(0, i, 1)) > 5, $"{treatments[i]} changes nothing");
        }
    }

    [Theory]
    // What timm's increasing set gives at magnitude 9.
    [InlineData("Rotate", 27.0)]
    [InlineData("Posterize", 1.0)]
    [InlineData("Solarize", 26.0)]
    [InlineData("SolarizeAdd", 99.0)]
    [InlineData("Color", 1.81)]
    [InlineData("Sharpness", 1.81)]
    [InlineData("ShearY", 0.27)]
    [InlineData("TranslateX", 0.405)]
    public void A_magnitude_becomes_timms_argument(string name, double argument)
        => Assert.Equal(argument, RandAugment.Argument(Enum.Parse<Operation>(name), 0.9, 1), 12);

    [Fact]
    public void RandAugment_draws_each_operation_alike_applies_half_and_spreads_its_magnitude()
    {
        var drawn = Enumerable.Range(0, 15_000)
            .SelectMany(i => RandAugment.Draw(Draws.Stream(1, Draws.RandAugment, 0, i), 9, 0.5)).ToList();
        Assert.Equal(30_000, drawn.Count);
        Assert.InRange(drawn.Count(t => t is not null), 14_600, 15_400);
        var byKind = drawn.OfType<Treatment>().ToLookup(t => t.Operation);
        Assert.All(Enum.GetValues<Operation>(), o => Assert.InRange(byKind[o].Count(), 850, 1150));
        var degrees = byKind[Operation.Rotate].Select(t => t.Argument).ToList();
        Assert.InRange(degrees.Count(d => d < 0) / (double)degrees.Count, 0.44, 0.56);
        // 30 degrees at 10: mean 9, deviation 0.5, cut at 10.
        Assert.InRange(degrees.Average(Math.Abs), 26.8, 27.2);
        Assert.InRange(Math.Sqrt(degrees.Average(d => Math.Pow(Math.Abs(d) - 27, 2))), 1.3, 1.6);
        Assert.All(degrees, d => Assert.InRange(Math.Abs(d), 20, 30));
    }

    [Fact]
    public void Colour_jitter_stays_in_its_range_and_comes_in_every_order()
    {
        var drawn = Enumerable.Range(0, 3000).Select(i => ColourJitter.Draw(Draws.Stream(1, Draws.ColourJitter, 0, i), 0.4)).ToList();
        Assert.All(drawn.SelectMany(d => d), t => Assert.InRange(t.Argument, 0.6, 1.4));
        Assert.InRange(drawn.Average(d => d[0].Argument), 0.98, 1.02);
        var orders = drawn.GroupBy(d => string.Join(' ', d.Select(t => t.Operation))).ToList();
        Assert.Equal(6, orders.Count);
        Assert.All(orders, o => Assert.InRange(o.Count(), 400, 600));
    }

    [Fact]
    public void Colour_jitter_applies_one_treatment_after_the_other()
    {
        var images = Levels(8, 3, 12, 12);
        var jittered = new ImageAugmentation(new AugmentationOptions { ColourJitter = 0.4 }, 5, Fill).Apply(images / 255, 3);
        for (var i = 0; i < 8; i++)
        {
            var alone = images.narrow(0, i, 1);
            foreach (var treatment in ColourJitter.Draw(Draws.Stream(5, Draws.ColourJitter, 3, i), 0.4))
                alone = Enhancements.Apply(alone, [treatment]);
            Assert.Equal(0, Distance(alone / 255, jittered.narrow(0, i, 1)), 6);
        }
    }

    [Fact]
    public void A_flip_mirrors_exactly_and_hits_half()
    {
        var images = Random(1000, 2, 3, 4);
        var flipped = new ImageAugmentation(new AugmentationOptions { Flip = true }, 1, []).Apply(images, 7);
        var same = flipped.eq(images).to(ScalarType.Float32).mean([1, 2, 3]).eq(1).to(ScalarType.Int64);
        var mirrored = flipped.eq(images.flip(3)).to(ScalarType.Float32).mean([1, 2, 3]).eq(1).to(ScalarType.Int64);
        Assert.True((same + mirrored).eq(1).all().item<bool>());
        Assert.InRange(mirrored.sum().item<long>(), 450, 550);
    }

    [Fact]
    public void Pad_and_crop_shifts_by_what_was_drawn_and_brings_in_black()
    {
        const int pad = 3;
        var options = new AugmentationOptions { PadCrop = pad, Flip = true };
        var images = Random(20, 2, 6, 5);
        var moved = new ImageAugmentation(options, 11, []).Apply(images, 4).data<float>().ToArray();
        var pixels = images.data<float>().ToArray();
        var seen = new HashSet<(int, int)>();
        for (var i = 0; i < 20; i++)
        {
            var cut = Cut.Draw(options, 11, 4, i);
            seen.Add((cut.Top, cut.Left));
            for (var c = 0; c < 2; c++)
            {
                for (var y = 0; y < 6; y++)
                {
                    for (var x = 0; x < 5; x++)
                    {
                        var (fromY, fromX) = (y + cut.Top - pad, (cut.Mirrored ? 4 - x : x) + cut.Left - pad);
                        var expected = fromY is >= 0 and < 6 && fromX is >= 0 and < 5 ? pixels[((i * 2 + c) * 6 + fromY) * 5 + fromX] : 0;
                        Assert.Equal(expected, moved[((i * 2 + c) * 6 + y) * 5 + x]);
                    }
                }
            }
        }
        Assert.All(seen, s => Assert.True(s is { Item1: >= 0 and <= 2 * pad, Item2: >= 0 and <= 2 * pad }));
        Assert.True(seen.Count > 12);
    }

    [Fact]
    public void Cuts_reach_every_place_alike()
    {
        var options = new AugmentationOptions { PadCrop = 2 };
        var tops = Enumerable.Range(0, 5000).Select(i => Cut.Draw(options, 1, 0, i).Top).CountBy(t => t).ToDictionary();
        Assert.Equal([0, 1, 2, 3, 4], tops.Keys.Order());
        Assert.All(tops.Values, n => Assert.InRange(n, 900, 1100));
    }

    [Fact]
    public void Noise_on_the_device_is_the_stream_of_its_key()
    {
        ulong[] keys = [0, 1, ulong.MaxValue, 0x8123456789abcdef];
        var seeds = from_array(keys.Select(k => unchecked((long)k)).ToArray()).unsqueeze(1);
        var numbers = DeviceNoise.Numbers(seeds, 50).data<long>().ToArray();
        for (var k = 0; k < keys.Length; k++)
        {
            var stream = new SplitMixStream(keys[k]);
            for (var n = 0; n < 50; n++) Assert.Equal(stream.Next(), unchecked((ulong)numbers[k * 50 + n]));
        }
        var noise = DeviceNoise.Normal([3, 4], 100_000, CPU);
        Assert.Equal([2L, 100_000L], noise.shape);
        Assert.InRange(noise.mean().item<float>(), -0.01f, 0.01f);
        Assert.InRange(noise.std().item<float>(), 0.99f, 1.01f);
        Assert.InRange(noise.pow(4).mean().item<float>(), 2.9f, 3.1f);
        Assert.True(noise.isfinite().all().item<bool>());
    }

    [Fact]
    public void Erasing_puts_noise_into_a_box_of_the_share_it_was_given_and_leaves_the_rest()
    {
        var images = zeros([400, 3, 32, 32]);
        var erased = new ImageAugmentation(new AugmentationOptions { RandomErasing = 0.25 }, 2, []).Erase(images, 1);
        Assert.Equal(0, Distance(images, zeros_like(images)));
        // Noise is never exactly 0: the middle of the 2^24 steps lies between two of them.
        var hit = erased.ne(0).to(ScalarType.Float32);
        var share = hit.mean([1, 2, 3]).data<float>().ToArray();
        Assert.InRange(share.Count(s => s > 0), 75, 125);
        Assert.All(share.Where(s => s > 0), s => Assert.InRange(s, 0.015f, 0.36f));
        Assert.InRange(share.Where(s => s > 0).Average(), 0.15f, 0.21f);
        // A box: as many pixels as rows times columns that have any.
        var rows = hit.max(3).values.sum([1, 2]);
        var columns = hit.max(2).values.sum([1, 2]);
        Assert.Equal(0, Distance(rows * columns / 9, hit.sum([1, 2, 3]) / 3), 3);
        var all = erased.flatten();
        var values = all.data<float>().ToArray().Where(v => v != 0).ToList();
        Assert.InRange(values.Average(), -0.02, 0.02);
        Assert.InRange(values.Average(v => v * v), 0.97, 1.03);
    }

    [Theory]
    [InlineData(0.8)]
    [InlineData(1.0)]
    [InlineData(4.0)]
    public void Shares_have_the_mean_and_variance_of_their_beta_distribution(double alpha)
    {
        var stream = new SplitMixStream(9);
        var drawn = Enumerable.Range(0, 20_000).Select(_ => stream.NextBeta(alpha)).ToList();
        Assert.InRange(drawn.Average(), 0.49, 0.51);
        var variance = 1 / (4 * (2 * alpha + 1));
        Assert.InRange(drawn.Average(d => (d - 0.5) * (d - 0.5)), variance * 0.97, variance * 1.03);
    }

    [Fact]
    public void A_tiny_alpha_gives_a_share_of_nothing_or_all()
    {
        var stream = new SplitMixStream(9);
        var drawn = Enumerable.Range(0, 200).Select(_ => stream.NextBeta(1e-6)).ToList();
        Assert.All(drawn, d => Assert.True(d is >= 0 and <= 1 && (d < 1e-3 || d > 1 - 1e-3), $"{d}"));
        Assert.InRange(drawn.Count(d => d > 0.5), 70, 130);
    }

    [Fact]
    public void Mixup_blends_a_batch_with_its_reverse_and_its_targets_alike()
    {
        var images = Random(5, 3, 8, 8);
        var labels = from_array(new long[] { 0, 1, 2, 3, 1 });
        var mixing = new BatchMixing(new AugmentationOptions { Mixup = 0.8 }, 3, 4);
        var share = mixing.Draw(2, 8, 8).Share;
        Assert.InRange(share, 0.001, 0.999);
        var (mixed, targets, heavier) = mixing.Apply(images, labels, 2);
        Assert.Equal(0, Distance(images * share + images.flip(0) * (1 - share), mixed), 6);
        Assert.Equal(0, Distance(targets.sum(1), ones(5)), 6);
        Assert.Equal(share, targets.select(0, 0).select(0, 0).item<float>(), 6);
        Assert.Equal(1 - share, targets.select(0, 0).select(0, 1).item<float>(), 6);
        Assert.Equal(1, targets.select(0, 2).select(0, 2).item<float>(), 6);
        Assert.Equal(share >= 0.5 ? [0, 1, 2, 3, 1] : [1, 3, 2, 1, 0], heavier.data<long>().ToArray());
    }

    [Fact]
    public void The_loss_of_mixed_targets_is_timms_with_the_smoothing_in_the_targets()
    {
        const double smoothing = 0.1;
        var logits = Random(6, 4) * 5;
        var labels = from_array(new long[] { 0, 1, 2, 3, 1, 0 });
        var mixing = new BatchMixing(new AugmentationOptions { Cutmix = 1 }, 1, 4);
        var (_, targets, _) = mixing.Apply(zeros([6, 1, 4, 4]), labels, new Mix(0.7, new Box(0, 0, 1, 1)));
        // On and off values, mixed, then the mean of −Σ target · log softmax.
        var smoothed = nn.functional.one_hot(labels, 4).to(ScalarType.Float32) * (1 - smoothing) + smoothing / 4;
        var theirs = -((smoothed * 0.7 + smoothed.flip(0) * 0.3) * nn.functional.log_softmax(logits, 1)).sum(1).mean();
        Assert.Equal(theirs.item<float>(), nn.functional.cross_entropy(logits, targets, label_smoothing: smoothing).item<float>(), 5);
    }

    [Fact]
    public void Cutmix_pastes_a_box_whose_area_is_the_share_that_went()
    {
        var mixing = new BatchMixing(new AugmentationOptions { Cutmix = 1 }, 3, 10);
        var images = Random(4, 1, 20, 12);
        var labels = from_array(new long[] { 1, 2, 3, 4 });
        var boxes = 0;
        for (var step = 0ul; step < 200; step++)
        {
            var mix = mixing.Draw(step, 20, 12);
            if (mix.Box is not { } box) continue;
            boxes++;
            Assert.Equal(1 - (double)box.Area / 240, mix.Share, 12);
            Assert.True(box is { Top: >= 0, Left: >= 0 } && box.Top + box.Height <= 20 && box.Left + box.Width <= 12);
            var (mixed, targets, _) = mixing.Apply(images, labels, step);
            var foreign = mixed.ne(images);
            Assert.Equal(box.Area, foreign.select(0, 0).sum().item<long>());
            Assert.True(where(foreign, images.flip(0), images).eq(mixed).all().item<bool>());
            Assert.Equal(box.Area / 240.0, targets.select(0, 0).select(0, 4).item<float>(), 6);
        }
        Assert.True(boxes > 150);
    }

    [Fact]
    public void With_both_alphas_each_batch_takes_one_and_the_probability_leaves_some_as_they_are()
    {
        var mixing = new BatchMixing(new AugmentationOptions { Mixup = 1, Cutmix = 1, MixProbability = 0.6 }, 3, 10);
        var drawn = Enumerable.Range(0, 2000).Select(step => mixing.Draw((ulong)step, 224, 224)).ToList();
        Assert.InRange(drawn.Count(m => m.Share == 1), 740, 880);
        Assert.InRange(drawn.Count(m => m.Box is not null), 520, 680);
    }

    private static readonly AugmentationOptions Everything = new()
    {
        Flip = true,
        PadCrop = 4,
        RandAugment = 9,
        ColourJitter = 0.4,
        RandomErasing = 0.5,
        Mixup = 0.8,
        Cutmix = 1,
    };

    [Fact]
    public void The_same_key_gives_the_same_images_and_another_seed_or_step_others()
    {
        var images = Random(16, 3, 32, 32);
        Tensor Made(ulong seed, ulong step)
        {
            var augmentation = new ImageAugmentation(Everything, seed, [0.4f, 0.4f, 0.4f]);
            manual_seed((long)(seed + step));
            return augmentation.Erase(augmentation.Apply(images, step), step);
        }
        var first = Made(1, 5);
        Assert.Equal(0, Distance(first, Made(1, 5)));
        Assert.True(Distance(first, Made(2, 5)) > 0.1);
        Assert.True(Distance(first, Made(1, 6)) > 0.1);
        Assert.True(first.isfinite().all().item<bool>());
        Assert.Equal(0, Distance(Random(16, 3, 32, 32), images));
    }

    private static readonly Spec Small = new()
    {
        Model = new MlpOptions { Width = 32, Depth = 1 },
        Data = new GlyphsOptions { TrainSize = 210, TestSize = 60, Preprocessing = PreprocessingKind.Standardize },
        Training = new TrainingOptions { Epochs = 3, BatchSize = 32, PointsEvery = 2, LabelSmoothing = 0.1 },
    };

    // A spec takes RandAugment or jitter.
    private static readonly Spec Augmented = Small with { Augmentation = Everything with { ColourJitter = 0 } };

    private ImageSet Glyphs(Spec spec)
        => new DatasetStore(root, new Fetcher(new HttpClient())).LoadAsync(spec.Data, null, _ => { }, default).Result;

    private (bool Ended, List<TrainingEvent> Events, string Weights) Train(
        Spec spec, string name, bool resume = false, Func<TrainingEvent, bool>? stopAfter = null)
    {
        var folder = Directory.CreateDirectory(Path.Combine(root, name)).FullName;
        var events = new List<TrainingEvent>();
        using var stop = new CancellationTokenSource();
        using var data = TrainingData.Prepare(spec, Glyphs(spec), 1, CPU, root, folder, _ => { });
        var journal = Path.Combine(folder, "metrics.jsonl");
        using var writer = new EventWriter(journal, (happened, _) => events.Add(happened), TimeProvider.System)
        {
            OnReport = happened =>
            {
                if (stopAfter?.Invoke(happened) == true) stop.Cancel();
            },
        };
        using var trainer = new Trainer(spec, new TrainerSettings(1, CPU, folder, resume, TimeProvider.System), data, writer);
        var ended = trainer.Run(stop.Token);
        writer.Dispose();
        return (ended, events, Checkpoint.WeightsSha256(trainer.Network));
    }

    [Fact]
    public void A_resumed_run_sees_the_images_that_it_would_have_seen()
    {
        var whole = Train(Augmented, "whole");
        var first = Train(Augmented, "parts", stopAfter: e => e is PointsEvent { Step: >= 10 });
        Assert.False(first.Ended);
        var rest = Train(Augmented, "parts", resume: true);
        Assert.Equal(whole.Weights, rest.Weights);
        static IEnumerable<(double, double)> Running(IEnumerable<TrainingEvent> events)
            => events.OfType<PointsEvent>().Select(p => (p.Values["train/loss_running"], p.Values["train/accuracy_running"]));
        Assert.Equal(Running(whole.Events), Running(first.Events).Concat(Running(rest.Events)));
        Assert.NotEqual(Train(Small, "plain").Weights, whole.Weights);
    }

    [Fact]
    public void Evaluation_sees_the_images_as_they_are()
    {
        var folder = Path.Combine(root, "run");
        var reported = Train(Augmented, "run").Events.OfType<EpochEvent>().Last().Values;
        using var data = TrainingData.Prepare(Small, Glyphs(Small), 1, CPU, root, null, _ => { });
        var (_, network) = Checkpoint.Open(Path.Combine(folder, "last.safetensors"));
        using (network)
        {
            Assert.Equal(reported["train/loss"], Evaluation.Of(network, data.Train)!.Loss);
            Assert.Equal(reported["test/accuracy"], Evaluation.Of(network, data.Test)!.Accuracy);
        }
    }

    [Fact]
    public void Twins_of_one_seed_train_on_the_same_images_and_targets()
    {
        using var data = TrainingData.Prepare(Augmented, Glyphs(Augmented), 1, CPU, root, null, _ => { });
        var index = arange(32, ScalarType.Int64);
        var own = new TrainingBatches(Augmented, data.Train, 1).At(index, 6);
        var twin = Augmented with { Convexity = new ExpEpsOptions(), Model = new MlpOptions { Width = 64 } };
        var twins = new TrainingBatches(twin, data.Train, 1).At(index, 6);
        Assert.Equal(0, Distance(own.Images, twins.Images));
        Assert.Equal(0, Distance(own.Targets, twins.Targets));
        Assert.Equal([32L, 10L], own.Targets.shape);
    }

    [Fact]
    public void Where_nothing_is_on_a_batch_is_the_plain_one_and_moved_images_are_normalised_as_it_is()
    {
        using var data = TrainingData.Prepare(Small, Glyphs(Small), 1, CPU, root, null, _ => { });
        var index = from_array(new long[] { 5, 200, 17 });
        var (plain, labels) = data.Train.Batch(index);
        var batch = new TrainingBatches(Small, data.Train, 1).At(index, 0);
        Assert.Equal(0, Distance(plain, batch.Images));
        Assert.True(batch.Targets.eq(labels).all().item<bool>());

        var options = new AugmentationOptions { Flip = true };
        var flips = Enumerable.Range(0, 3).Select(i => Cut.Draw(options, 1, 0, i).Mirrored).ToList();
        var flipped = new TrainingBatches(Small with { Augmentation = options }, data.Train, 1).At(index, 0).Images;
        for (var i = 0; i < 3; i++)
            Assert.Equal(0, Distance(flips[i] ? plain.select(0, i).flip(2) : plain.select(0, i), flipped.select(0, i)), 5);

        // What comes in from outside is black, not the mean.
        var cropped = Small with { Augmentation = new AugmentationOptions { PadCrop = 8 } };
        var shifted = new TrainingBatches(cropped, data.Train, 1).At(arange(64, ScalarType.Int64), 0).Images;
        Assert.Equal(plain.min().item<float>(), shifted.min().item<float>(), 5);
    }

    [Fact]
    public void Augmented_images_are_resized_last()
    {
        var options = new GlyphsOptions { TrainSize = 210, TestSize = 60, Preprocessing = PreprocessingKind.Standardize, Resize = 40 };
        var spec = Small with { Data = options, Augmentation = new AugmentationOptions { Flip = true } };
        using var data = TrainingData.Prepare(spec, Glyphs(spec), 1, CPU, root, null, _ => { });
        var index = arange(6, ScalarType.Int64);
        var (plain, _) = data.Train.Batch(index);
        var flipped = new TrainingBatches(spec, data.Train, 1).At(index, 0).Images;
        Assert.Equal([6L, 1L, 40L, 40L], flipped.shape);
        for (var i = 0; i < 6; i++)
        {
            var mirrored = Cut.Draw(spec.Augmentation, 1, 0, i).Mirrored;
            Assert.Equal(0, Distance(mirrored ? plain.select(0, i).flip(2) : plain.select(0, i), flipped.select(0, i)), 4);
        }
    }

    [Fact]
    public void Whitened_images_can_be_moved_and_mixed()
    {
        var spec = Small with
        {
            Data = new GlyphsOptions { TrainSize = 210, TestSize = 60, Preprocessing = PreprocessingKind.Zca, ZcaFirst = true },
            Augmentation = new AugmentationOptions { Flip = true, PadCrop = 2, Mixup = 0.4 },
        };
        Assert.Empty(SpecReader.Read(SpecWriter.ToJson(spec).ToJsonString()).Problems);
        Assert.True(Train(spec, "white").Ended);
        using var data = TrainingData.Prepare(spec, Glyphs(spec), 1, CPU, root, null, _ => { });
        var index = arange(8, ScalarType.Int64);
        var flips = spec with { Augmentation = new AugmentationOptions { Flip = true } };
        var moved = new TrainingBatches(flips, data.Train, 1).At(index, 0).Images;
        var (white, _) = data.Train.Batch(index);
        for (var i = 0; i < 8; i++)
        {
            var mirrored = Cut.Draw(new AugmentationOptions { Flip = true }, 1, 0, i).Mirrored;
            Assert.Equal(0, Distance(mirrored ? white.select(0, i).flip(2) : white.select(0, i), moved.select(0, i)));
        }
    }

    [Fact]
    public void A_batch_leaves_nothing_behind()
    {
        using var data = TrainingData.Prepare(Augmented, Glyphs(Augmented), 1, CPU, root, null, _ => { });
        var batches = new TrainingBatches(Augmented, data.Train, 1);
        var index = arange(32, ScalarType.Int64);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = Tensor.TotalCount;
        for (var step = 0; step < 5; step++)
        {
            using var inner = NewDisposeScope();
            batches.At(index, step);
        }
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Theory]
    [InlineData("""{"augmentation": {"flip": 1}}""", "augmentation.flip")]
    [InlineData("""{"augmentation": {"rand_augment": 11}}""", "augmentation.rand_augment")]
    [InlineData("""{"augmentation": {"pad_crop": 28}}""", "augmentation.pad_crop")]
    [InlineData("""{"augmentation": {"zoom": 2}}""", "augmentation.zoom")]
    [InlineData("""{"augmentation": {"colour_jitter": 0.4}, "convexity": {"name": "exp_eps"}}""", "augmentation.colour_jitter")]
    [InlineData("""{"augmentation": {"rand_augment": 9}, "data": {"name": "cifar10", "preprocessing": "zca"}}""",
        "augmentation.rand_augment")]
    [InlineData("""{"augmentation": {"random_erasing": 0.25}, "data": {"name": "cifar10", "preprocessing": "zca"}}""",
        "augmentation.random_erasing")]
    [InlineData("""{"augmentation": {"rand_augment": 9, "colour_jitter": 0.4}}""", "augmentation.colour_jitter")]
    [InlineData("""{"augmentation": {"resized_crop": 0.08}}""", "augmentation.resized_crop")]
    [InlineData("""{"augmentation": {"resized_crop": 0.08, "pad_crop": 2}, "data": {"name": "cifar10", "resize": 24}}""",
        "augmentation.pad_crop")]
    [InlineData("""{"data": {"name": "cifar10", "evaluation_resize": 40}}""", "data.evaluation_resize")]
    [InlineData("""{"data": {"name": "cifar10", "resize": 32, "evaluation_resize": 24}}""", "data.evaluation_resize")]
    [InlineData("""{"augmentation": {"flip": true}, "labels": {"name": "random"}}""", "augmentation.allow_with_corruption")]
    [InlineData("""{"augmentation": {"mixup": 0.2}, "labels": {"name": "partial", "p": 0.1}}""", "augmentation.allow_with_corruption")]
    public void What_does_not_go_together_is_refused_in_one_sentence(string json, string path)
    {
        var problem = Assert.Single(SpecReader.Read(json).Problems);
        Assert.Equal(path, problem.Path);
        Assert.Contains(path, problem.Message);
        Assert.EndsWith(".", problem.Message);
    }

    [Theory]
    [InlineData("""{"spec_version": 2, "augmentation": {"flip": true, "pad_crop": 4, "mixup": 0.8}, "convexity": {"name": "exp_eps"}}""")]
    [InlineData("""{"augmentation": {"rand_augment": 9}, "convexity": {"name": "exp_eps"}, "data": """
        + """{"name": "cifar10", "preprocessing": "standardize"}}""")]
    [InlineData("""{"augmentation": {"colour_jitter": 0.4}, "data": {"name": "cifar10"}}""")]
    [InlineData("""{"augmentation": {"resized_crop": 0.08}, "data": {"name": "cifar10", "resize": 24, "evaluation_resize": 28}}""")]
    [InlineData("""{"augmentation": {"flip": true, "allow_with_corruption": true}, "labels": {"name": "random"}}""")]
    [InlineData("""{"augmentation": {"mixup": 0.8, "mix_probability": 0}, "labels": {"name": "random"}}""")]
    public void What_goes_together_is_taken(string json) => Assert.Empty(SpecReader.Read(json).Problems);

    [Fact]
    public void A_spec_of_a_time_before_augmentation_has_none()
    {
        var json = SpecWriter.ToJson(Small);
        json.Remove("augmentation");
        var read = SpecReader.Read(json.ToJsonString()).Spec!;
        Assert.Equal(Small, read);
        Assert.False(read.Augmentation.IsOn);
    }
}
