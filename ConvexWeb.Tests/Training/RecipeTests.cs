using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Augmentations;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Schedules;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>Recipes are those of their sources (science.md S1 to S7): what an audit found to differ, N1 to N9, and what else was.</summary>
[Collection(TorchCollection.Name)]
public sealed class RecipeTests
{
    private static readonly ImageInput Small = new(3, 32, 32, 10);

    [Theory]
    [InlineData(DenseNetVariant.Bc100_12, DropoutPlace.Each, 98)]
    [InlineData(DenseNetVariant.D40_12, DropoutPlace.Each, 38)]
    [InlineData(DenseNetVariant.Bc100_12, DropoutPlace.LayerEnd, 48)]
    public void N1_DenseNet_drops_behind_every_convolution_but_the_first(DenseNetVariant variant, DropoutPlace place, int count)
    {
        var plan = new DenseNetOptions { Variant = variant, Dropout = 0.2, DropoutAfter = place }.Plan(new NoConvexityOptions(), Small);
        var drops = plan.Steps.Where(step => step.Operation is DropoutOperation).ToList();
        Assert.Equal(count, drops.Count);
        Assert.All(drops, drop => Assert.IsType<Conv2dOperation>(plan.OperationOf(drop.Operation.Inputs[0])));
        Assert.DoesNotContain(drops, drop => plan.OperationOf(drop.Operation.Inputs[0])!.Name == "features.conv0");
        if (place == DropoutPlace.Each)
            Assert.Equal(plan.Steps.Count(step => step.Operation is Conv2dOperation) - 1, drops.Count);
    }

    [Fact]
    public void N1_the_presets_of_the_papers_without_augmentation_drop_so()
    {
        var dropping = Presets.All.Where(preset => preset.Spec.Model is DenseNetOptions { Dropout: > 0 }).ToList();
        Assert.NotEmpty(dropping);
        Assert.All(dropping, preset => Assert.Equal(DropoutPlace.Each, ((DenseNetOptions)preset.Spec.Model).DropoutAfter));
    }

    [Fact]
    public void N2_the_seeds_CycleMLP_constrains_its_gates_biases_and_one_process_more_than_its_list_says()
    {
        var seed = new CycleMlpOptions { Mode = Fidelity.Seed };
        var biases = Biases(seed);
        Assert.Equal(20, biases.Count);
        Assert.Equal(8736, biases.Sum(bias => bias.Count));
        Assert.Contains("network.0.0.attn.reweight.fc1.bias", biases.Select(bias => bias.Name)); // its weight is free, and it is not
        Assert.Empty(Biases(seed with { ConstrainGateBiases = false }));
        Assert.Empty(Biases(seed with { Mode = Fidelity.Strict }));

        // Behind several processes' prefix nothing matches the list.
        var ddp = (seed with { ExemptList = SourceLaunch.Ddp }).Plan(new ExpEpsOptions(), new(3, 224, 224, 10));
        Assert.All(ddp.Steps.SelectMany(step => step.Tensors).Where(tensor => tensor.Multiplies), tensor => Assert.True(tensor.Covered));

        static List<PlannedTensor> Biases(CycleMlpOptions model) =>
        [
            .. model.Plan(new ExpEpsOptions(), new(3, 224, 224, 10)).Steps.SelectMany(step => step.Tensors)
                .Where(tensor => tensor.Covered && tensor.Role == TensorRole.Bias),
        ];
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void N3_weight_decay_on_matrices_leaves_biases_and_norms_alone(bool fused)
    {
        using var scope = NewDisposeScope();
        OptimizerOptions[] rules =
        [
            new AdamWOptions { Lr = 0.1, WeightDecay = 0.5, WeightDecayOn = DecayedTensors.Matrices },
            new SgdOptions { Lr = 0.1, Momentum = 0, WeightDecay = 0.5, WeightDecayOn = DecayedTensors.Matrices },
        ];
        foreach (var rule in rules)
        {
            using var network = new PlanNetwork(new CycleMlpOptions { Size = CycleMlpSize.Tiny }.Plan(new NoConvexityOptions(), Small));
            using var optimizer = new Optimizer(network, rule, Constraint.Of(new NoConvexityOptions(), []), fused);
            using (no_grad())
                foreach (var (_, parameter) in network.named_parameters()) parameter.fill_(1);
            foreach (var (_, parameter) in network.named_parameters()) parameter.grad = zeros_like(parameter);
            optimizer.Step(0.1);
            foreach (var (name, parameter) in network.named_parameters())
            {
                var expected = parameter.dim() == 1 || name.EndsWith(".bias", StringComparison.Ordinal) ? 1 : 0.95;
                Assert.Equal(expected, parameter.min().item<float>(), 1e-6);
                Assert.Equal(expected, parameter.max().item<float>(), 1e-6);
            }
        }
    }

    [Fact]
    public void N3_the_CycleMLP_presets_decay_matrices_only()
        => Assert.All(
            Presets.All.Where(preset => preset.Spec.Model is CycleMlpOptions),
            preset => Assert.Equal(DecayedTensors.Matrices, ((AdamWOptions)preset.Spec.Optimizer).WeightDecayOn));

    [Fact]
    public void N4_without_a_constraint_CycleMLP_and_Mixer_are_the_papers_networks()
    {
        Assert.Equal(14_647_530, Count(new CycleMlpOptions(), new NoConvexityOptions(), 224));
        Assert.Equal(200_202, Count(new MixerOptions(), new NoConvexityOptions(), 72));
        var mixer = new MixerOptions().Plan(new NoConvexityOptions(), new(3, 72, 72, 10));
        Assert.Contains(mixer.Steps, step => step.Operation is LayerNormOperation);
        Assert.Equal(13_672_010, Count(new CycleMlpOptions(), new ExpEpsOptions(), 224));
        Assert.Equal(13_718_180, Count(new CycleMlpOptions(), new ExpEpsOptions(), 224, 100));
        Assert.Equal(14_179_880, Count(new CycleMlpOptions(), new ExpEpsOptions(), 224, 1000));

        static long Count(ModelOptions model, ConvexityOptions convexity, int side, int classes = 10)
            => model.Plan(convexity, new(3, side, side, classes)).Steps.SelectMany(step => step.Tensors).Sum(tensor => tensor.Count);
    }

    [Theory]
    [InlineData(MixerSize.Seed, 1e-5)]
    [InlineData(MixerSize.B16, 1e-6)]
    public void N9_the_Mixers_LayerNorm_has_its_sources_eps(MixerSize size, double eps)
    {
        var side = size == MixerSize.Seed ? 72 : 224;
        var plan = new MixerOptions { Size = size, Mode = Fidelity.Seed }.Plan(new NoConvexityOptions(), new(3, side, side, 10));
        Assert.All(plan.Steps.Select(step => step.Operation).OfType<LayerNormOperation>(), norm => Assert.Equal(eps, norm.Eps));
    }

    [Fact]
    public void N9_EfficientNet_drops_the_branches_of_its_nine_shortcuts_more_with_depth()
    {
        var drops = new EfficientNetOptions().Plan(new NoConvexityOptions(), new(3, 224, 224, 10)).Steps
            .Select(step => step.Operation).OfType<DropPathOperation>().Select(drop => drop.P);
        // Blocks 2, 4, 6, 7, 9, 10, 12, 13 and 14 of 16, counted from 0; the last has no shortcut.
        Assert.Equal(new[] { 2, 4, 6, 7, 9, 10, 12, 13, 14 }.Select(block => 0.2 * block / 16), drops);
    }

    [Fact]
    public void N9_timms_cosine_is_a_step_behind_and_counts_the_warm_up_in()
    {
        var schedule = new TimmCosineScheduleOptions { WarmupEpochs = 5, WarmupFactor = 0.016, FinalFactor = 0.16 };
        double At(int epoch) => 6.25e-5 * LearningRate.Factor(schedule, epoch * 780L + 779, 780, 300);
        Assert.Equal(1e-6, At(0), 1e-15);
        Assert.Equal(1e-6, At(1), 1e-15);
        Assert.Equal(1e-6 + (6.25e-5 - 1e-6) / 5, At(2), 1e-15);
        Assert.Equal(1e-5 + 0.5 * 5.25e-5 * (1 + Math.Cos(Math.PI * 5 / 300)), At(6), 1e-15);
        Assert.Equal(1e-5 + 0.5 * 5.25e-5 * (1 + Math.Cos(Math.PI * 298 / 300)), At(299), 1e-15);
    }

    [Fact]
    public void AllConvs_seventh_convolution_may_be_without_padding_at_the_same_count()
    {
        var padded = new AllConvOptions().Plan(new NoConvexityOptions(), Small);
        var bare = new AllConvOptions { C7Padding = false }.Plan(new NoConvexityOptions(), Small);
        Assert.Equal(8, Side(padded));
        Assert.Equal(6, Side(bare));
        Assert.Equal(1_369_738, bare.Steps.SelectMany(step => step.Tensors).Sum(tensor => tensor.Count));

        static long Side(Plan plan) => plan.Steps.Single(step => step.Operation.Name == "class_conv").Output.Shape[1];
    }

    [Fact]
    public void Repeated_augmentation_shows_a_third_of_the_images_three_times_and_by_itself_always_the_same()
    {
        int[] Shuffle(int epoch) => SplitMix.Permutation(50_000, SplitMix.Mix(1, 22, (ulong)epoch));
        var first = Sampling.Order(SamplerKind.RaSingleProcess, 0, 50_000, Shuffle);
        Assert.Equal(49_920, first.Length);
        Assert.Equal(49_920, Sampling.ImagesPerEpoch(SamplerKind.RaSingleProcess, 50_000));
        Assert.StartsWith("Every epoch shows the same 16,640 images, 3 times each", Sampling.Told(SamplerKind.RaSingleProcess, 50_000));
        Assert.Null(Sampling.Told(SamplerKind.Full, 50_000));
        Assert.Equal(16_640, first.Distinct().Count());
        Assert.All(first.Chunk(3), three => Assert.Single(three.Distinct()));
        Assert.Equal(first, Sampling.Order(SamplerKind.RaSingleProcess, 299, 50_000, Shuffle));

        var other = Sampling.Order(SamplerKind.RaReshuffled, 1, 50_000, Shuffle);
        Assert.Equal(first, Sampling.Order(SamplerKind.RaReshuffled, 0, 50_000, Shuffle));
        Assert.Equal(16_640, other.Distinct().Count());
        Assert.InRange(other.Intersect(first).Count(), 5000, 6100); // a third of a third
        Assert.Equal(50_000, Sampling.Order(SamplerKind.Full, 3, 50_000, Shuffle).Distinct().Count());

        var options = new TrainingOptions { BatchSize = 64, Sampler = SamplerKind.RaSingleProcess };
        Assert.Equal(780, options.StepsPerEpoch(50_000));
        Assert.Equal(781, new TrainingOptions { BatchSize = 64, DropLast = true }.StepsPerEpoch(50_000));
        Assert.Equal(782, new TrainingOptions { BatchSize = 64 }.StepsPerEpoch(50_000));
    }

    [Fact]
    public void Boxes_of_a_random_resized_crop_lie_in_the_image_and_have_the_sources_areas_and_ratios()
    {
        var boxes = Enumerable.Range(0, 20_000)
            .Select(i => CropBox.Draw(Draws.Stream(1, Draws.Box, 0, i), 0.08, 224, 224)).ToList();
        Assert.All(boxes, box => Assert.True(box.Top >= 0 && box.Left >= 0 && box.Top + box.Height <= 224 && box.Left + box.Width <= 224));
        Assert.All(boxes, box => Assert.InRange((double)box.Width / box.Height, 0.74, 1.35));
        var areas = boxes.Select(box => box.Width * box.Height / (224.0 * 224)).ToList();
        Assert.InRange(areas.Min(), 0.079, 0.085);
        // Evenly between 0.08 and 1, but the largest often do not fit and are drawn again: even among those that always do, below 3/4.
        var fitting = areas.Where(area => area < 0.74).ToList();
        Assert.InRange(fitting.Count(area => area < 0.41) / (double)fitting.Count, 0.485, 0.515);
        Assert.InRange(boxes.Average(box => box.Top / (224.0 - box.Height + 1e-9)), 0.47, 0.52);
        Assert.Equal(new CropBox(0, 60, 30, 40), CropBox.Draw(Draws.Stream(1, Draws.Box, 0, 1), 1, 30, 160)); // nothing fits
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Crops_and_the_middle_for_evaluation_are_Pillows(bool bicubic)
    {
        using var scope = NewDisposeScope();
        var golden = SafeTensors.Load(Path.Combine(AppContext.BaseDirectory, "Training/Golden/crops.safetensors")).Tensors;
        var name = bicubic ? "bicubic" : "bilinear";
        var images = golden["images"].to(ScalarType.Float32).div(255);
        var numbers = golden["boxes"].data<long>().ToArray().Select(n => (int)n).Chunk(4).ToArray();
        var resize = new ResizedCrop(24, bicubic);
        for (var b = 0; b < numbers.Length; b++)
        {
            var box = new CropBox(numbers[b][0], numbers[b][1], numbers[b][2], numbers[b][3]);
            AssertLevels(golden[$"{name}/crops"].select(1, b), resize.Apply(images, [box, box]));
        }
        var squares = images.narrow(3, 0, 32).contiguous();
        foreach (var (key, size, side) in new[] { ("middle", 64, 56), ("reduced", 14, 12) })
        {
            using var crop = new EvaluationCrop(size, side, bicubic);
            AssertLevels(golden[$"{name}/{key}"], crop.Apply(squares));
        }

        static void AssertLevels(Tensor expected, Tensor actual)
            => Assert.Equal(0, actual.mul(255).round().ne(expected.to(ScalarType.Float32)).sum().item<long>());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whitened_images_are_augmented_first_and_black_comes_in_at_their_edges(bool zcaFirst)
    {
        using var scope = NewDisposeScope();
        using var folder = new TestFolder();
        var spec = new Spec
        {
            Convexity = new ExpEpsOptions(),
            Data = new GlyphsOptions { TrainSize = 900, TestSize = 20, ZcaEps = 1e-3, ZcaFirst = zcaFirst },
            Augmentation = new AugmentationOptions { PadCrop = 4, Flip = true },
            Training = new TrainingOptions { BatchSize = 16 },
        };
        var set = await new DatasetStore(folder.Path, new Fetcher(new HttpClient())).LoadAsync(spec.Data, null, _ => { }, default);
        using var data = TrainingData.Prepare(spec, set, 1, CPU, folder.Path, null, _ => { });
        var index = arange(16, ScalarType.Int64);
        var batch = new TrainingBatches(spec, data.Train, 1).At(index, 0).Images;

        var pixels = from_array(set.Train.Images).view(-1, 1, 28, 28).narrow(0, 0, 900);
        var (mean, matrix) = Whitening.Fit(pixels.flatten(1), 1e-3);
        var cuts = Enumerable.Range(0, 16).Select(i => Cut.Draw(spec.Augmentation, 1, 0, i)).ToList();
        var raw = pixels.narrow(0, 0, 16).to(ScalarType.Float32).div(255);
        Tensor White(Tensor x) => x.flatten(1).sub(mean).mm(matrix).view(16, 1, 28, 28);
        Tensor Moved(Tensor x) => FlipAndCrop.Apply(x, 4, cuts);
        var expected = zcaFirst ? Moved(White(raw)) : White(Moved(raw));
        Assert.True(batch.sub(expected).abs().max().item<float>() < 2e-3);
        // And the two orders are not the same thing.
        Assert.True(White(Moved(raw)).sub(Moved(White(raw))).abs().max().item<float>() > 0.1);

        // What is evaluated is not augmented, and whitened all the same.
        Assert.True(data.Train.Slice(0, 16).Images.sub(White(raw)).abs().max().item<float>() < 2e-3);
    }

    [Fact]
    public async Task The_whitening_is_fitted_to_what_is_trained_on_and_nothing_else()
    {
        using var scope = NewDisposeScope();
        using var folder = new TestFolder();
        var spec = new Spec
        {
            Convexity = new ExpEpsOptions(),
            Data = new GlyphsOptions { TrainSize = 1000, TestSize = 20, Validation = 0.2, ZcaEps = 1e-3 },
        };
        var set = await new DatasetStore(folder.Path, new Fetcher(new HttpClient())).LoadAsync(spec.Data, null, _ => { }, default);
        using var data = TrainingData.Prepare(spec, set, 1, CPU, folder.Path, folder.Path, _ => { });
        var kept = SafeTensors.Load(Path.Combine(folder.Path, "whitening.safetensors")).Tensors["mean"];
        var places = RandomStreams.Validation(1, 1000)[..800].Select(i => (long)i).ToArray();
        var trained = from_array(set.Train.Images).view(-1, 784).index_select(0, from_array(places))
            .to(ScalarType.Float64).div(255).mean([0]);
        Assert.True(kept.to(ScalarType.Float64).sub(trained).abs().max().item<double>() < 1e-6);
    }

    public static TheoryData<string> PresetNames() => [.. Presets.All.Select(preset => preset.Name)];

    [Theory]
    [MemberData(nameof(PresetNames))]
    public void Every_preset_names_its_source_what_is_resolved_and_what_differs(string name)
    {
        var preset = Presets.Find(name)!;
        Assert.All(
            new[] { preset.Source, preset.Summary, preset.Notes.Resolved, preset.Notes.Differs },
            text => Assert.Matches(@"\w", text));
        Assert.Matches(@"[.)]$", preset.Notes.Resolved);
        Assert.Matches(@"[.)]$", preset.Notes.Differs);
    }

    [Fact]
    public void The_ImageNet_presets_stream_and_crop_as_their_sources()
    {
        var presets = Presets.All.Where(preset => preset.Spec.Data is ImageNetOptions).ToList();
        Assert.Equal(8, presets.Count);
        foreach (var preset in presets)
        {
            Assert.True(preset.Spec.Data.IsStreamed);
            var (data, augmentation) = (preset.Spec.Data, preset.Spec.Augmentation);
            Assert.Equal((224, 256, 0.08), (data.Resize, data.EvaluationResize, augmentation.ResizedCrop));
            // What it takes is the batch's and the network's, not the images'.
            var fewer = preset.Spec with { Data = preset.Spec.Data with { TrainLimit = 500_000 } };
            Assert.True(fewer.Data.IsStreamed);
            Assert.Equal(Description.Of(preset.Spec).MemoryMb, Description.Of(fewer).MemoryMb);
        }
        // The three schedules of the source's history, for both twins, and the DenseNet paper's own.
        Assert.Equal(7, presets.Count(preset => preset.Spec.Model is DenseNetOptions));
    }

    [Fact]
    public void The_CycleMLP_presets_take_jitter_or_RandAugment_and_mix_only_as_the_authors()
    {
        foreach (var preset in Presets.All.Where(preset => preset.Spec.Model is CycleMlpOptions))
        {
            var augmentation = preset.Spec.Augmentation;
            Assert.True(augmentation.ColourJitter > 0 != augmentation.RandAugment > 0);
            Assert.Equal(augmentation.RandAugment > 0, augmentation.Mixes);
        }
        var both = """{"spec_version": 2, "augmentation": {"rand_augment": 9, "colour_jitter": 0.4}}""";
        Assert.Equal("augmentation.colour_jitter", Assert.Single(SpecReader.Read(both).Problems).Path);
    }

    [Fact]
    public void The_FICNN_presets_start_from_a_tenth_of_the_absolute_weights()
        => Assert.All(
            Presets.All.Where(preset => preset.Spec.Model is FicnnOptions),
            preset => Assert.Equal(ConstrainedStart.AbsoluteTenth, ((ConstraintOptions)preset.Spec.Convexity).Init));
}
