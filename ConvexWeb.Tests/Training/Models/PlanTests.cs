using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Tests.Training.Models;

/// <summary>What the graph decides: which tensors are constrained, where convexity ends and why, and what does not fit.</summary>
public sealed class PlanTests
{
    private static readonly ImageInput Cifar = new(3, 32, 32, 10);

    private static List<string> Free(ModelOptions model, ConvexityOptions? convexity = null)
        =>
        [
            .. model.Plan(convexity ?? new ExpEpsOptions(), Cifar).Steps
                .SelectMany(s => s.Tensors).Where(t => t.Multiplies && !t.Covered).Select(t => t.Name),
        ];

    [Theory]
    [InlineData(32, null, 16)]
    [InlineData(64, null, 16)]
    [InlineData(32, 2, 8)]
    public void EfficientNets_stem_keeps_small_images_as_they_are(int side, int? stride, int afterTheNextReduction)
    {
        // The second stage halves; what comes in is the stem's output.
        var plan = new EfficientNetOptions { StemStride = stride }.Plan(new NoConvexityOptions(), new ImageInput(3, side, side, 10));
        var first = plan.Steps.First(s => s.Operation is Conv2dOperation { Stride: 2, Groups: > 1 });
        Assert.Equal(afterTheNextReduction, first.Output.Shape[1]);
    }

    [Fact]
    public void Only_the_first_affine_layers_are_free()
    {
        Assert.Equal(["fc1.weight"], Free(new MlpOptions()));
        Assert.Equal(["conv1.weight"], Free(new AllConvOptions()));
        Assert.Equal(["features.conv0.weight"], Free(new DenseNetOptions()));
        Assert.Equal(["features.0.0.weight"], Free(new EfficientNetOptions()));
        Assert.Equal(["x1.weight", "x2.weight", "x3.weight", "x4.weight"], Free(new FicnnOptions(), new ClipOptions()));
        Assert.Equal(["stem.proj.weight", "blocks.0.norm1.weight", "blocks.0.mlp_tokens.fc1.weight"], Free(new MixerOptions { Patch = 8 }));
        Assert.Equal(
            [
                "patch_embed.proj.weight", "network.0.0.norm1.weight",
                "network.0.0.attn.sfc_h.weight", "network.0.0.attn.sfc_w.weight", "network.0.0.attn.mlp_c.weight",
                "network.0.0.attn.proj.weight", "network.0.0.norm2.weight", "network.0.0.mlp.fc1.weight",
            ], Free(new CycleMlpOptions()));
    }

    [Fact]
    public void Scales_of_BatchNorm_are_free_where_the_spec_says_so()
    {
        Assert.Equal(
            ["fc1.weight", "bn1.weight", "bn2.weight", "bn3.weight"],
            Free(new MlpOptions(), new ExpEpsOptions { ConstrainBnGamma = false }));
        Assert.Equal(Standing.Unknown, new MlpOptions().Plan(new ExpEpsOptions { ConstrainBnGamma = false }, Cifar).Output.Standing);
    }

    [Fact]
    public void Seed_modes_free_what_the_sources_code_frees()
    {
        Assert.Equal(["stem.proj.weight", "blocks.0.norm1.weight"], Free(new MixerOptions { Mode = Fidelity.Seed, Patch = 8 }));
        Assert.Equal(
            [
                "patch_embed.proj.weight", "network.0.0.norm1.weight",
                "network.0.0.attn.sfc_h.weight", "network.0.0.attn.sfc_w.weight", "network.0.0.attn.reweight.fc1.weight",
            ],
            Free(new CycleMlpOptions { Mode = Fidelity.Seed }));
    }

    public static TheoryData<string> ConvexModels() =>
    [
        "mlp", "allconv", "densenet", "mixer", "cycle_mlp", "efficientnet_b0", "ficnn",
        "small_alexnet", "small_inception", "wide_resnet", "resnet18", "seed001_mlp", "seed001_cnn", "sd_net", "anneal_cnn",
    ];

    [Fact]
    public void Every_model_of_the_catalogue_is_looked_at()
    {
        // Convex in its features only; the two ensembles have tests of their own.
        string[] others = ["convex_head", "ensemble_em", "ensemble_boost"];
        Assert.Equal(
            Catalogue.Models.Choices.Select(model => model.Name).Order(),
            ConvexModels().Select(row => row.Data).Concat(others).Order());
    }

    [Theory]
    [MemberData(nameof(ConvexModels))]
    public void A_constraint_makes_every_model_convex_and_its_absence_none(string name)
    {
        var model = Model(name);
        Assert.Equal(Standing.Convex, model.Plan(new ExpEpsOptions(), Cifar).Output.Standing);
        Assert.Equal(Standing.Unknown, model.Plan(new NoConvexityOptions(), Cifar).Output.Standing);
    }

    [Fact]
    public void The_reasons_name_what_breaks()
    {
        Assert.Contains("deviation", Broken(new MixerOptions { Mode = Fidelity.Seed, Patch = 8 }));
        Assert.Contains("deviation", Broken(new CycleMlpOptions { Mode = Fidelity.Seed }));
        Assert.Contains("multiplies two values", Broken(new EfficientNetOptions { SqueezeExcitation = SqueezeChoice.Gate }, "gate"));
        Assert.Contains("divides by what depends", Broken(new SmallAlexNetOptions()));
        Assert.Contains("gelu is not convex", Broken(new MixerOptions { Activation = ActivationChoice.Gelu, Patch = 8 }));

        static string Broken(ModelOptions model, string? at = null)
        {
            var plan = model.Plan(new ExpEpsOptions(), Cifar);
            Assert.Equal(Standing.Unknown, plan.Output.Standing);
            return plan.Steps
                .First(s => s.Breaks is not null && (at is null || s.Operation.Name.EndsWith(at, StringComparison.Ordinal))).Breaks!;
        }
    }

    [Fact]
    public void A_convex_head_is_convex_in_its_features_and_unknown_in_pixels()
    {
        var plan = new ConvexHeadOptions().Plan(new ExpEpsOptions(), Cifar);
        Assert.Equal(Standing.Convex, plan.Output.Standing);
        Assert.Equal(Standing.Unknown, plan.InPixels);
        Assert.All(
            plan.Steps.SelectMany(s => s.Tensors).Where(t => t.Name.StartsWith("body.", StringComparison.Ordinal)),
            t => Assert.False(t.Covered));
        Assert.Contains("head.fc1.weight", Free(new ConvexHeadOptions()));
        Assert.DoesNotContain("head.fc2.weight", Free(new ConvexHeadOptions()));
    }

    [Theory]
    [InlineData("""{"model": {"name": "mixer"}, "data": {"name": "cifar10"}}""", "patches of 9")]
    [InlineData("""{"model": {"name": "densenet", "variant": "121"}, "data": {"name": "mnist", "resize": 8}}""", "too small")]
    public void A_model_that_the_images_do_not_fit_is_one_problem(string json, string words)
    {
        var reading = SpecReader.Read(json);
        Assert.Null(reading.Spec);
        var problem = Assert.Single(reading.Problems);
        Assert.Equal("model.name", problem.Path);
        Assert.Contains(words, problem.Message);
    }

    [Fact]
    public void The_log_normal_start_has_the_papers_numbers()
    {
        var start = LogNormalStart.Of(800);
        Assert.Equal(0.0023165, Math.Sqrt(start.MeanSquare), 7);
        Assert.Equal(0.00125, start.Variance, 9);
        Assert.Equal(-0.7393, start.Bias, 4);
    }

    internal static ModelOptions Model(string name) => name switch
    {
        "mlp" => new MlpOptions { Width = 64 },
        "allconv" => new AllConvOptions { WidthPercent = 10 },
        "densenet" => new DenseNetOptions { Variant = DenseNetVariant.Bc40_12 },
        "mixer" => new MixerOptions { Patch = 8 },
        "cycle_mlp" => new CycleMlpOptions { Size = CycleMlpSize.Tiny },
        "efficientnet_b0" => new EfficientNetOptions(),
        "ficnn" => new FicnnOptions { Width = 64 },
        "small_alexnet" => new SmallAlexNetOptions { Lrn = false, BatchNorm = true },
        "small_inception" => new SmallInceptionOptions(),
        "wide_resnet" => new WideResNetOptions { Depth = 10 },
        "resnet18" => new ResNet18Options { Width = 8 },
        "seed001_mlp" => new Seed001MlpOptions { Layout = Seed001Layout.Ioc },
        "seed001_cnn" => new Seed001CnnOptions(),
        "sd_net" => new SdNetOptions { Kind = SdNetKind.SLocal, Alpha = 2 },
        "anneal_cnn" => new AnnealCnnOptions { Theta = AnnealAngle.PerLayer },
        "convex_head" => new ConvexHeadOptions { Channels = 8, Width = 32 },
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };
}
