using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Labels;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Pixels;
using ConvexWeb.Training.Regularization;
using ConvexWeb.Training.Schedules;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>Corrupted runs, regularization and early stopping: science.md S8.9, S10.9, T.6.</summary>
[Collection(TorchCollection.Name)]
[Trait("kind", "slow")]
public sealed class MemorisationTests : IDisposable
{
    private readonly SmallRun run = new();

    public void Dispose() => run.Dispose();

    private static readonly Spec Small = new()
    {
        Model = new MlpOptions { Widths = [64, 32], BatchNorm = false },
        Data = new GlyphsOptions { TrainSize = 200, TestSize = 100 },
        Optimizer = new SgdOptions { Lr = 0.05, Momentum = 0.9 },
        Training = new TrainingOptions { Epochs = 3, BatchSize = 32 },
    };

    private RunSummary End(Spec spec, string name) => ((FinishedEvent)run.Train(spec, name)[^1]).Summary!;

    // S8.9's own check on made-up digits: the network, images, rate, batch and cap of epochs are its.
    [Fact]
    public void T6_Two_thousand_random_labels_are_fitted_whole_and_stay_the_same_through_the_run()
    {
        var spec = Small with
        {
            Model = new MlpOptions { Width = 512, Depth = 3, BatchNorm = false, Init = MlpStart.Pluskid },
            Data = new GlyphsOptions { TrainSize = 2000, TestSize = 1000, Preprocessing = PreprocessingKind.PerImage },
            Labels = new RandomLabelOptions(),
            Optimizer = new SgdOptions { Lr = 0.01, Momentum = 0.9 },
            Training = new TrainingOptions { Epochs = 300, BatchSize = 128, StopWhenFitted = true },
        };
        var events = run.Train(spec, "random");
        var summary = ((FinishedEvent)events[^1]).Summary!;
        Assert.Equal("every training image is fitted", summary.EndedBecause);
        Assert.Equal(100, summary.Final["train/accuracy"]);
        Assert.Equal(100, summary.Final["train/fit_rate"]);
        Assert.Equal(0, summary.Final["train/recovery_rate"]);
        Assert.InRange(summary.Final["test/accuracy"], 6, 14);
        Assert.Equal(summary.LabelsSha256, events.OfType<StartedEvent>().Single().LabelsSha256);
        Assert.Equal(summary.LabelsSha256, LabelsOf(spec).Sha256);
        Assert.InRange(summary.NearlyFittedEpoch!.Value, 1, summary.FittedEpoch!.Value);
    }

    [Fact]
    public void Nothing_corrupted_and_nothing_penalised_is_the_plain_run_bit_for_bit()
    {
        var plain = End(Small, "plain").WeightsSha256;
        Assert.Equal(plain, End(Small with { Labels = new PartialLabelOptions { P = 0 } }, "labels").WeightsSha256);
        Assert.Equal(plain,
            End(Small with { Regularization = new RegularizationOptions { On = PenalisedTensors.All } }, "none").WeightsSha256);
        Assert.NotEqual(plain, End(Small with { Labels = new PartialLabelOptions { P = 0.5 } }, "half").WeightsSha256);
        Assert.NotEqual(plain, End(Small with { Pixels = new ShuffledPixelOptions() }, "shuffled").WeightsSha256);
        Assert.NotEqual(plain, End(Small with { Pixels = new RandomPixelOptions() }, "pixels").WeightsSha256);
    }

    [Fact]
    public void Pixels_shuffled_by_the_identity_are_the_plain_run_bit_for_bit()
    {
        // Four pixels have 24 orders, so that a seed with the identity is soon found.
        var tiny = Small with { Data = new GlyphsOptions { TrainSize = 200, TestSize = 100, Crop = 2 } };
        var seeds = Enumerable.Range(0, 1000).ToLookup(seed =>
            SplitMix.Permutation(4, SplitMix.Mix((ulong)seed, 3, 0)) is [0, 1, 2, 3]);
        var plain = End(tiny, "plain").WeightsSha256;
        Assert.Equal(plain, Shuffled(seeds[true].First()));
        Assert.NotEqual(plain, Shuffled(seeds[false].First()));

        string Shuffled(int seed)
            => End(tiny with { Pixels = new ShuffledPixelOptions { CorruptionSeed = seed } }, $"shuffled {seed}").WeightsSha256;
    }

    [Fact]
    public void A_net_of_dense_layers_sees_nothing_of_one_permutation_but_another_start()
    {
        // Whitening by image is invariant to permutations, and so is what a dense layer can fit.
        var spec = Small with
        {
            Data = new GlyphsOptions { TrainSize = 200, TestSize = 100, Preprocessing = PreprocessingKind.PerImage },
            Training = new TrainingOptions { Epochs = 30, BatchSize = 32 },
        };
        var (plain, shuffled) = (End(spec, "a"), End(spec with { Pixels = new ShuffledPixelOptions() }, "b"));
        var own = End(spec with { Pixels = new RandomPixelOptions() }, "c");
        Assert.Equal(plain.Final["test/accuracy"], shuffled.Final["test/accuracy"], 12.0);
        Assert.True(own.Final["test/accuracy"] < shuffled.Final["test/accuracy"] - 10); // the control: a permutation for each image
    }

    // S11.9, S12.9: places mean something to a convolution, and nothing to a dense layer.
    [Theory]
    [InlineData(SdNetKind.SConv, false, true)]
    [InlineData(SdNetKind.SFc, false, false)]
    [InlineData(SdNetKind.SFc, true, false)]
    public void A_fixed_permutation_of_pixels_costs_a_convolution_its_accuracy_and_a_dense_layer_nothing(
        SdNetKind kind, bool sparse, bool costs)
    {
        var spec = Small with
        {
            Model = new SdNetOptions { Kind = kind, Alpha = kind == SdNetKind.SConv ? 4 : 2 },
            Data = new GlyphsOptions { TrainSize = 1000, TestSize = 2000 },
            Optimizer = sparse
                ? new BetaLassoOptions { Lr = 0.1, Beta = 50, LambdaFirst = 2e-5, LambdaRest = 2e-5 }
                : new SgdOptions { Lr = 0.1, Momentum = 0 },
            Schedule = new CosineScheduleOptions(),
            Training = new TrainingOptions { Epochs = 15, BatchSize = 32, EvaluateEvery = 15 },
        };
        var (plain, shuffled) = (End(spec, "plain"), End(spec with { Pixels = new ShuffledPixelOptions() }, "shuffled"));
        var lost = plain.Final["test/accuracy"] - shuffled.Final["test/accuracy"];
        Assert.True(costs ? lost > 10 : Math.Abs(lost) < 3, $"{plain.Final["test/accuracy"]} and {shuffled.Final["test/accuracy"]}");
    }

    [Fact]
    public void L2_in_the_loss_is_twice_the_weight_decay_of_plain_gradient_descent()
    {
        var spec = Small with { Optimizer = new SgdOptions { Lr = 0.05, Momentum = 0 } };
        var loss = WeightsOf(spec with { Regularization = new RegularizationOptions { L2 = 5e-4, On = PenalisedTensors.All } }, "loss");
        var decay = WeightsOf(spec with { Optimizer = new SgdOptions { Lr = 0.05, Momentum = 0, WeightDecay = 1e-3 } }, "decay");
        var half = WeightsOf(spec with { Optimizer = new SgdOptions { Lr = 0.05, Momentum = 0, WeightDecay = 5e-4 } }, "half");
        Assert.True(Distance(loss, decay) < 1e-5);
        Assert.True(Distance(loss, half) > 20 * Distance(loss, decay));
    }

    [Theory]
    [InlineData(PenalisedTensors.Weights, true, false)]
    [InlineData(PenalisedTensors.Hidden, false, false)]
    [InlineData(PenalisedTensors.All, true, true)]
    public void A_penalty_shrinks_the_tensors_that_it_names(PenalisedTensors on, bool last, bool biases)
    {
        var free = WeightsOf(Small, "free");
        var shrunk = WeightsOf(Small with { Regularization = new RegularizationOptions { L1 = 0.01, On = on } }, "l1");
        Assert.True(shrunk["fc1.weight"].Sum(Math.Abs) < 0.7 * free["fc1.weight"].Sum(Math.Abs));
        Assert.Equal(last, shrunk["fc3.weight"].Sum(Math.Abs) < 0.7 * free["fc3.weight"].Sum(Math.Abs));
        Assert.Equal(biases, shrunk["fc1.bias"].Sum(Math.Abs) < 0.7 * free["fc1.bias"].Sum(Math.Abs));
    }

    [Theory]
    [InlineData("exp_eps")]
    [InlineData("clip")]
    [InlineData("abs")]
    [InlineData("shift")]
    [InlineData("softplus_reparam")]
    public void Every_constraint_trains_to_its_summary_and_a_penalty_shrinks_its_weights_as_they_act(string constraint)
    {
        var spec = SpecReader.Read(
            $$$"""
            {"spec_version":2,"model":{"name":"mlp","width":32,"depth":2},"convexity":{"name":"{{{constraint}}}"},
             "data":{"name":"glyphs","train_size":200,"test_size":100,"preprocessing":"standardize"},
             "optimizer":{"name":"sgd","lr":0.05},"training":{"epochs":3,"batch_size":32}}
            """).Spec!;
        var (free, shrunk) = (End(spec, "free"), End(spec with { Regularization = new RegularizationOptions { L2 = 1 } }, "l2"));
        Assert.Contains("log_path_norm", free.Measures!.Keys);
        double Norm(RunSummary of) => of.Layers.Single(l => l.Name.StartsWith("fc2", StringComparison.Ordinal)
            && l.Name.Contains("weight", StringComparison.Ordinal)).Frobenius;
        Assert.True(Norm(shrunk) < 0.9 * Norm(free), $"{Norm(shrunk)} and {Norm(free)}");
    }

    [Fact]
    public void Early_stopping_ends_with_the_weights_of_its_best_epoch_and_no_later_than_the_whole_run()
    {
        var spec = Small with
        {
            Data = new GlyphsOptions { TrainSize = 200, TestSize = 100, Validation = 0.2 },
            Labels = new PartialLabelOptions { P = 0.5 },
            Training = new TrainingOptions
            {
                Epochs = 60, BatchSize = 32, Patience = 4, PatienceOn = StoppingSignal.ValidationLoss, MinDelta = 1e-4, RestoreBest = true,
            },
        };
        var hashes = new Dictionary<int, string>();
        var events = run.Train(spec, "early", inspect: network => hashes[0] = Checkpoint.WeightsSha256(network));
        var summary = ((FinishedEvent)events[^1]).Summary!;
        Assert.Contains("no better validation loss for 4 evaluations", summary.EndedBecause);
        Assert.Equal(summary.BestEpoch + 4, summary.Epochs);
        Assert.Equal(summary.BestEpoch, summary.RestoredEpoch);
        Assert.Equal(summary.Best, summary.Final);
        Assert.Equal(summary.Best["test/loss"], summary.Series!["test/loss"].Final);
        var (_, best) = Checkpoint.Open(Path.Combine(run.FolderOf("early"), "best.safetensors"));
        using (best) Assert.Equal(summary.WeightsSha256, Checkpoint.WeightsSha256(best));
        Assert.Equal(summary.WeightsSha256, hashes[0]);

        // Stopped and gone on with, it ends the same.
        run.Train(spec, "parted", stopAfter: e => e is EpochEvent { Epoch: 3 });
        Assert.Equal(summary.WeightsSha256, ((FinishedEvent)run.Train(spec, "parted", resume: true)[^1]).Summary!.WeightsSha256);
        run.Train(spec, "parted", resume: true, inspect: network => Assert.Equal(summary.WeightsSha256, Checkpoint.WeightsSha256(network)));
    }

    [Fact]
    public void Validation_labels_are_corrupted_like_the_rest_or_stay_clean()
    {
        var spec = Small with
        {
            Data = new GlyphsOptions { TrainSize = 200, TestSize = 100, Validation = 0.5, ValidationPart = ValidationPart.First },
            Labels = new RandomLabelOptions { CorruptionSeed = 5 },
        };
        var (corrupted, truth) = (LabelsOf(spec).Labels, LabelsOf(spec with { Labels = new TrueLabelOptions() }).Labels);
        Assert.Equal(corrupted.Take(100), ValidationLabels(spec));
        Assert.Equal(truth.Take(100), ValidationLabels(spec with
        {
            Labels = new RandomLabelOptions { CorruptionSeed = 5, ValidationLabels = ConvexWeb.Training.Labels.ValidationLabels.Clean },
        }));
    }

    [Fact]
    public void Added_noise_leaves_the_test_images_and_measures_noisy_ones_beside_them()
    {
        var values = End(Small with { Pixels = new AddedNoiseOptions { Deviation = 3 } }, "noise").Final;
        Assert.True(values.ContainsKey("noisy_test/accuracy"));
        Assert.NotEqual(values["test/loss"], values["noisy_test/loss"]);
        Assert.False(End(Small, "plain").Final.ContainsKey("noisy_test/accuracy"));
    }

    [Theory]
    [InlineData("true")]
    [InlineData("shuffled_pixels")]
    [InlineData("gaussian")]
    public void A_crop_takes_the_middle_and_each_image_is_whitened_by_itself(string pixels)
    {
        using var scope = NewDisposeScope();
        var spec = Small with
        {
            Data = new GlyphsOptions { TrainSize = 20, TestSize = 5, Crop = 20, Preprocessing = PreprocessingKind.PerImage },
            Pixels = (PixelOptions)Activator.CreateInstance(Catalogue.PixelCorruptions.Find(pixels)!.Options)!,
        };
        using var data = DataOf(spec);
        var batch = data.Train.Batch(arange(20, ScalarType.Int64)).Images;
        Assert.Equal([20, 1, 20, 20], batch.shape);
        Assert.Equal(0, batch.mean().item<float>(), 1e-5);
        Assert.All(batch.flatten(1).std(1, unbiased: false).data<float>().ToArray(), deviation => Assert.Equal(1, deviation, 1e-3));
        Assert.Equal([5, 1, 20, 20], data.Test.Slice(0, 5).Images.shape);
        if (pixels != "true") return;
        var stored = from_array(SetOf(spec).Train.Images).view(20, 1, 28, 28)[0, 0]
            .narrow(0, 4, 20).narrow(1, 4, 20).to(ScalarType.Float32);
        var whitened = (stored - stored.mean()) / stored.std(unbiased: false);
        Assert.True((batch[0, 0] - whitened).abs().max().item<float>() < 1e-4);
    }

    [Fact]
    public void A_random_crop_is_a_piece_of_the_image_in_training_and_the_middle_in_evaluation()
    {
        using var scope = NewDisposeScope();
        var spec = Small with
        {
            Data = new GlyphsOptions { TrainSize = 20, TestSize = 5, Crop = 20, Preprocessing = PreprocessingKind.None },
            Augmentation = new AugmentationOptions { RandomCrop = true },
        };
        using var data = DataOf(spec);
        var images = new TrainingBatches(spec, data.Train, 3).At(arange(20, ScalarType.Int64), 0).Images;
        var whole = from_array(SetOf(spec).Train.Images).view(20, 28, 28).to(ScalarType.Float32) / 255;
        var places = Enumerable.Range(0, 20).Select(i =>
        {
            var cut = Cut.Draw(spec.Augmentation, 3, 0, i, slack: 8);
            var expected = whole[i].narrow(0, cut.Top, 20).narrow(1, cut.Left, 20);
            Assert.True((images[i, 0] - expected).abs().max().item<float>() < 1e-6);
            return (cut.Top, cut.Left);
        }).ToHashSet();
        Assert.True(places.Count > 10);
        var middle = data.Train.Slice(0, 20).Images;
        Assert.True((middle[3, 0] - whole[3].narrow(0, 4, 20).narrow(1, 4, 20)).abs().max().item<float>() < 1e-6);
    }

    [Fact]
    public void In_order_every_epoch_is_the_data_sets_own()
        => Assert.Equal([0, 1, 2, 3], Sampling.Order(SamplerKind.InOrder, 5, 4, _ => throw new InvalidOperationException()));

    [Theory]
    [InlineData("""{"data":{"name":"cifar10","crop":40}}""", "data.crop")]
    [InlineData("""{"data":{"name":"cifar10"},"augmentation":{"random_crop":true}}""", "augmentation.random_crop")]
    [InlineData("""{"data":{"name":"cifar10","crop":28},"augmentation":{"random_crop":true},"convexity":{"name":"exp_eps"}}""",
        "augmentation.random_crop")]
    [InlineData("""{"data":{"name":"cifar10"},"augmentation":{"flip":true},"pixels":{"name":"random_pixels"}}""",
        "augmentation.allow_with_corruption")]
    [InlineData(
        """{"data":{"name":"cifar10"},"pixels":{"name":"gaussian"},"augmentation":{"rand_augment":9,"allow_with_corruption":true}}""",
        "pixels.name")]
    [InlineData("""{"model":{"name":"sd_net","kind":"d_local","padding":"valid"},"data":{"name":"cifar10"}}""", "model.name")]
    [InlineData("""{"model":{"name":"wide_resnet","depth":20},"data":{"name":"cifar10"}}""", "model.name")]
    [InlineData("""{"training":{"patience":3}}""", "training.patience")]
    [InlineData("""{"labels":{"name":"seed001_labels"},"data":{"name":"toy_shapes"}}""", "labels.name")]
    [InlineData("""{"labels":{"name":"seed001_labels"},"data":{"name":"cifar10","task":"animal"}}""", "labels.name")]
    [InlineData("""{"optimizer":{"name":"beta_lasso"},"regularization":{"l2":0.001}}""", "regularization.l2")]
    [InlineData("""{"optimizer":{"name":"beta_lasso"},"regularization":{"l1":0.001}}""", "regularization.l1")]
    [InlineData("""{"optimizer":{"name":"beta_lasso"},"convexity":{"name":"softplus_reparam"}}""", "optimizer.name")]
    [InlineData("""{"optimizer":{"name":"adamw"},"convexity":{"name":"softplus_reparam"}}""", "optimizer.weight_decay")]
    public void What_does_not_go_together_is_told_with_its_field(string json, string field)
        => Assert.Contains(SpecReader.Read(json).Problems, problem => problem.Path == field);

    private ImageSet SetOf(Spec spec)
        => new DatasetStore(run.FolderOf(""), new Fetcher(new HttpClient())).LoadAsync(spec.Data, null, _ => { }, default).Result;

    private TrainingData DataOf(Spec spec) => TrainingData.Prepare(spec, SetOf(spec), 1, CPU, run.FolderOf(""), null, _ => { });

    private CorruptedLabels LabelsOf(Spec spec) => LabelCorruption.Apply(spec.Labels, SetOf(spec).Train.Labels, 10, 1);

    private IEnumerable<int> ValidationLabels(Spec spec)
    {
        using var data = DataOf(spec);
        return [.. data.Validation!.Labels.data<long>().ToArray().Select(label => (int)label)];
    }

    private Dictionary<string, float[]> WeightsOf(Spec spec, string name)
    {
        Dictionary<string, float[]> weights = [];
        run.Train(spec, name, inspect: network =>
        {
            foreach (var (parameter, value) in network.named_parameters())
                weights[parameter] = value.detach().flatten().data<float>().ToArray();
        });
        return weights;
    }

    private static double Distance(Dictionary<string, float[]> one, Dictionary<string, float[]> other)
        => one.Max(pair => pair.Value.Zip(other[pair.Key], (a, b) => (double)Math.Abs(a - b)).Max());
}
