using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine.Certification;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training.Models;

/// <summary>T.1 of science.md on networks after real training steps, with the unconstrained twin as control.</summary>
[Collection(TorchCollection.Name)]
[Trait("kind", "slow")]
public sealed class CertificateTests
{
    private const int Pairs = 60;

    private static Spec SpecOf(ModelOptions model, ConvexityOptions convexity) => new()
    {
        // Small images, and a stem that makes them smaller, for the networks whose float64 convolutions take long.
        Model = model is EfficientNetOptions efficient ? efficient with { StemStride = 2 } : model,
        Convexity = convexity,
        Data = new Cifar10Options
        {
            Resize = model is DenseNetOptions or EfficientNetOptions or SmallInceptionOptions or WideResNetOptions or ResNet18Options
                or SmallAlexNetOptions or Seed001CnnOptions ? 16 : null,
        },
        Optimizer = new AdamOptions { Lr = 1e-3 },
    };

    public static TheoryData<string, string> ModelsAndConstraints()
    {
        var data = new TheoryData<string, string>();
        foreach (var model in PlanTests.ConvexModels().Select(m => m.Data)) data.Add(model, "exp_eps");
        foreach (var constraint in new[] { "clip", "abs", "shift", "softplus_reparam" }) data.Add("mlp", constraint);
        return data;
    }

    [Theory]
    [MemberData(nameof(ModelsAndConstraints))]
    public void A_trained_convex_network_is_certified_and_its_control_is_not(string model, string constraint)
    {
        var certificate = Certify(SpecOf(PlanTests.Model(model), Constraint(constraint)));
        Assert.Equal(Verdict.Convex, certificate.Verdict);
        Assert.Equal(0, certificate.Empirical.Violations);
        Assert.True(certificate.Structure.Proved);
        Assert.True(certificate.Structure.SmallestCovered >= 0);
        Assert.True(certificate.Control!.Violations > 0);
        Assert.DoesNotContain("hardly vary", certificate.Sentence, StringComparison.Ordinal);
        Assert.All(certificate.Empirical.Segments, s => Assert.Equal(0, s.Violations));
    }

    [Theory]
    [MemberData(nameof(PlanTests.ConvexModels), MemberType = typeof(PlanTests))]
    public void The_trained_unconstrained_twin_is_found_not_convex(string model)
    {
        var certificate = Certify(SpecOf(PlanTests.Model(model), new NoConvexityOptions()));
        Assert.Equal(Verdict.NotConvex, certificate.Verdict);
        Assert.False(certificate.Structure.Proved);
        Assert.NotEmpty(certificate.Structure.Broken);
        Assert.Null(certificate.Control);
    }

    [Theory]
    [InlineData("mixer")]
    [InlineData("cycle_mlp")]
    public void Seed_modes_are_reported_as_not_convex(string name)
    {
        ModelOptions model = name == "mixer"
            ? new MixerOptions { Mode = Fidelity.Seed, Patch = 8 }
            : new CycleMlpOptions { Mode = Fidelity.Seed, Size = CycleMlpSize.Tiny };
        var certificate = Certify(SpecOf(model, new ExpEpsOptions()));
        Assert.Equal(Verdict.NotConvex, certificate.Verdict);
        Assert.False(certificate.Structure.Proved);
        Assert.True(certificate.Structure.SmallestCovered >= 0, "the constraint itself held");
    }

    [Fact]
    public void N10_Squeeze_and_excitation_left_in_breaks_a_constrained_EfficientNet()
    {
        // After three steps the gates hardly react, so they are made to; their weights stay non-negative. As they are, no inequality may
        // be violated, but nothing is proved either, and the verdict says so.
        var gated = SpecOf(new EfficientNetOptions { SqueezeExcitation = SqueezeChoice.Gate, DropPath = 0 }, new ExpEpsOptions());
        var certificate = Certify(gated, network =>
        {
            foreach (var (name, weight) in network.named_parameters())
                if (name.EndsWith(".fc2.weight", StringComparison.Ordinal)) weight.mul_(30);
        });
        Assert.False(certificate.Structure.Proved);
        Assert.Contains(certificate.Structure.Broken, name =>
            name.EndsWith(".gate", StringComparison.Ordinal) || name.EndsWith(".sigmoid", StringComparison.Ordinal));
        // T.1 itself fails, and not only the proof.
        Assert.Equal(Verdict.NotConvex, certificate.Verdict);
        Assert.True(certificate.Empirical.Violations > 0);
    }

    [Fact]
    public void A_convex_MLP_stands_the_whole_test_and_its_sentence_says_when_it_was_a_smaller_one()
    {
        var spec = SpecOf(new MlpOptions(), new ExpEpsOptions());
        var whole = Certify(spec, pairs: Certifier.Pairs);
        Assert.Equal((Verdict.Convex, 0), (whole.Verdict, whole.Empirical.Violations));
        Assert.All(whole.Empirical.Midpoint, m => Assert.Equal(Certifier.Pairs, m.Tested));
        Assert.DoesNotContain("standard", whole.Sentence, StringComparison.Ordinal);
        Assert.Contains("Tested on 60 pairs of each kind; the standard is 2,000.", Certify(spec).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Logits_that_hardly_vary_are_said_to_since_no_inequality_can_show_much_then()
    {
        var certificate = Certify(
            SpecOf(new MlpOptions { Width = 32 }, new ExpEpsOptions()),
            network => network.get_weight("fc4.weight").mul_(1e-12));
        Assert.Equal(Verdict.Convex, certificate.Verdict);
        Assert.Contains("hardly vary", certificate.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Behind_whitening_by_image_the_sentence_is_about_the_whitened_image()
    {
        var spec = SpecOf(new MlpOptions { Width = 32 }, new ExpEpsOptions());
        Assert.Contains("function of the input", Certify(spec).Sentence, StringComparison.Ordinal);
        var byImage = spec with { Data = new Cifar10Options { Preprocessing = PreprocessingKind.PerImage } };
        Assert.Contains("function of the whitened image (not of its pixels", Certify(byImage).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_convex_body_makes_the_network_with_a_convex_head_convex_in_the_pixels()
    {
        var model = (ConvexHeadOptions)PlanTests.Model("convex_head") with { Body = BodyKind.Convex };
        var certificate = Certify(SpecOf(model, new ExpEpsOptions()));
        Assert.Equal((CertificateSpace.Pixels, Verdict.Convex), (certificate.Space, certificate.Verdict));
        Assert.True(certificate.Control!.Violations > 0);
        var free = Constrained(model).ToHashSet();
        Assert.Contains("body.conv2.weight", free);
        Assert.DoesNotContain("body.conv1.weight", free);
        Assert.DoesNotContain("body.conv2.weight", Constrained(model with { Body = BodyKind.Free }));
    }

    private static IEnumerable<string> Constrained(ModelOptions model)
        => ConvexWeb.Training.Convexity.Constraint.Of(SpecOf(model, new ExpEpsOptions())).Covered;

    [Fact]
    public void A_convex_head_is_certified_in_its_features_and_fails_on_images()
    {
        var certificate = Certify(SpecOf(PlanTests.Model("convex_head"), new ExpEpsOptions()));
        Assert.Equal(CertificateSpace.Features, certificate.Space);
        Assert.Equal(Verdict.Convex, certificate.Verdict);
        Assert.True(certificate.InPixels!.Violations > 0);
    }

    [Fact]
    public void N8_where_float64_cancels_a_proof_by_structure_is_not_called_false()
    {
        // Biases of 1e13 that cancel behind the last layer: no weight is negative, and rounding is far above the inequalities' tolerance.
        var spec = SpecOf(new MlpOptions { Width = 32, BatchNorm = false }, new ExpEpsOptions());
        var certificate = Certify(spec, network =>
        {
            var parameters = network.named_parameters().ToDictionary(p => p.name, p => p.parameter);
            parameters["fc3.bias"].fill_(1e13);
            parameters["fc4.bias"].copy_(parameters["fc4.weight"].to(ScalarType.Float64).sum(1).mul(-1e13));
        });
        Assert.True(certificate.Structure.Proved);
        Assert.True(certificate.Empirical.Violations > 0);
        Assert.Equal(Verdict.Inconclusive, certificate.Verdict);
        Assert.Contains("cancel", certificate.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void N8_one_unit_whose_signal_is_lost_in_its_bias_is_inconclusive_too()
    {
        var spec = SpecOf(new MlpOptions { Width = 1, Depth = 1, BatchNorm = false }, new ExpEpsOptions());
        var certificate = Certify(spec, network =>
        {
            var parameters = network.named_parameters().ToDictionary(p => p.name, p => p.parameter);
            parameters["fc1.bias"].fill_(1e13);
            parameters["fc2.weight"].fill_(1);
            parameters["fc2.bias"].fill_(-1e13);
        });
        Assert.True(certificate.Empirical.Violations > 0);
        Assert.Equal(Verdict.Inconclusive, certificate.Verdict);
    }

    [Fact]
    public void One_negative_weight_is_found_by_the_structure()
    {
        var spec = SpecOf(new MlpOptions { Width = 32 }, new ExpEpsOptions());
        var certificate = Certify(spec, network => network.get_weight("fc3.weight").select(0, 3).narrow(0, 5, 1).fill_(-0.001));
        Assert.False(certificate.Structure.Proved);
        Assert.Equal(["fc3"], certificate.Structure.Broken);
        Assert.NotEqual(Verdict.Convex, certificate.Verdict);
    }

    [Fact]
    public void Free_scales_count_as_they_are()
    {
        // Without constrained scales the plan proves nothing; the weights of this network do.
        var spec = SpecOf(new MlpOptions { Width = 32 }, new ExpEpsOptions { ConstrainBnGamma = false });
        Assert.Equal(Verdict.Convex, Certify(spec).Verdict);
        Assert.Equal(["bn2"], Certify(spec, network => network.get_weight("bn2.weight").neg_first()).Structure.Broken);
    }

    private static ConvexityOptions Constraint(string name) => name switch
    {
        "clip" => new ClipOptions(),
        "abs" => new AbsOptions(),
        "shift" => new ShiftOptions(),
        "softplus_reparam" => new SoftplusReparamOptions(),
        _ => new ExpEpsOptions(),
    };

    // As pictures are, and noise is not: each has a colour of its own, so that a mean over places tells one from another.
    private static Tensor Images(int count, long size) => randn([count, 3, size, size]) + randn([count, 3, 1, 1]);

    /// <summary>Certifies a network after three steps on random images.</summary>
    private static Certificate Certify(Spec spec, Action<PlanNetwork>? change = null, int pairs = Pairs)
    {
        using var scope = NewDisposeScope();
        var size = DatasetInfo.Of(spec.Data).Height;
        manual_seed(11);
        using var network = ModelFactory.Build(spec);
        var constraint = ConvexWeb.Training.Convexity.Constraint.Of(spec);
        using var optimizer = new Optimizer(network, spec.Optimizer, constraint);
        for (var step = 0; step < 3; step++)
        {
            nn.functional.cross_entropy(network.forward(Images(8, size)), arange(8, ScalarType.Int64)).backward();
            optimizer.Step(1e-3);
            // T.2: exact, after every step.
            foreach (var (name, parameter) in network.named_parameters().Where(p => constraint.Covered.Contains(p.name)))
                Assert.True(constraint.Effective(parameter).min().item<float>() >= 0, name);
        }
        // Running statistics follow slowly: as after a longer training. Until they do, a deep network of small weights is all but constant.
        using (no_grad())
            for (var pass = 0; pass < (spec.Model is EfficientNetOptions ? 150 : 25); pass++) network.forward(Images(8, size));
        if (change is not null)
        {
            using var quiet = no_grad();
            change(network);
        }
        return Certifier.Certify(spec, network, Images(40, size), 5, pairs);
    }
}

internal static class TensorExtensions
{
    /// <summary>Makes the first element negative, in place.</summary>
    public static void neg_first(this Tensor tensor) => tensor.narrow(0, 0, 1).mul_(-1);
}
