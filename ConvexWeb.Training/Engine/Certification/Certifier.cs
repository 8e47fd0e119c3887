using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine.Certification;

/// <summary>Makes the certificate of a trained network, with its unconstrained twin as control. Source: science.md B1 and T.1.</summary>
public static class Certifier
{
    /// <summary>Pairs of each kind that science.md asks for.</summary>
    public const int Pairs = 2000;

    private const long MostNumbers = 4_000_000;
    private const int SettlingPasses = 25;
    private const int SettlingBatch = 16;

    // For the estimate of rounding: how many inputs of each kind it looks at and how often, and how much more it allows for the rest.
    private const long RoundingPoints = 100;
    private const int RoundingDraws = 3;
    private const double SafetyFactor = 16;
    private const double LastBit = 1.0 / (1L << 52);

    // Share of their size by which logits must vary for the inequalities, whose tolerance is 1e-9 of it, to show something.
    private const double Flat = 1e-6;

    /// <param name="network">In any mode and precision; it is copied.</param>
    /// <param name="images">Test images as the network takes them, [N, C, H, W].</param>
    /// <param name="twin">A trained unconstrained twin as control; null takes a new one with the initial weights of the seed.</param>
    public static Certificate Certify(
        Spec spec, PlanNetwork network, Tensor images, ulong seed, int pairs = Pairs, PlanNetwork? twin = null,
        CancellationToken stop = default)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        using var exact = Exact(network);
        var points = images.to(ScalarType.Float64);
        Generator.Default.manual_seed(RandomStreams.Certificate(seed));

        var structure = Structure.Prove(exact);
        var features = exact.Plan.Features is not null;
        Func<Tensor, Tensor> logits = features ? exact.ForwardFeatures : exact.forward;
        var inputs = features ? Features(exact, points) : points;
        var empirical = Test(logits, inputs, exact.Plan, pairs, stop);
        var inPixels = features ? Test(exact.forward, points, exact.Plan, pairs, stop) : null;
        var (control, controlIs) = spec.Convexity is NoConvexityOptions
            ? (null, null)
            : Control(spec, points, seed, pairs, twin, features, stop);
        var rounding = empirical.Violations > 0 && structure.Proved ? RoundingOf(exact, logits, inputs, features) : 0;
        var (verdict, sentence) = Judge(structure, empirical, control, Where(spec, features), pairs, rounding);
        if (verdict == Verdict.Convex && IsAllButConstant(InBatches(logits, inputs, exact.Plan)))
            sentence += " On the test images the logits hardly vary, so the inequalities say little; the proof by structure counts.";
        var space = features ? CertificateSpace.Features : CertificateSpace.Pixels;
        return new(spec.Model.Name, spec.Convexity.Name, verdict, sentence, space, structure, empirical, inPixels, control, controlIs);
    }

    private static (EmpiricalTest, string) Control(
        Spec spec, Tensor points, ulong seed, int pairs, PlanNetwork? twin, bool features, CancellationToken stop)
    {
        if (twin is null)
        {
            // The generator goes on with the control's own draws afterwards.
            Generator.Default.manual_seed(RandomStreams.Init(seed));
            using var fresh = ModelFactory.Build(spec with
            {
                Model = spec.Model.Pinned(spec.Convexity),
                Convexity = new NoConvexityOptions(),
            });
            using var exact = Exact(fresh);
            Settle(exact, points);
            return (On(exact), "the unconstrained twin with its initial weights");
        }
        using var trained = Exact(twin);
        return (On(trained), "the trained unconstrained twin");

        EmpiricalTest On(PlanNetwork network)
            => features
                ? Test(network.ForwardFeatures, Features(network, points), network.Plan, pairs, stop)
                : Test(network.forward, points, network.Plan, pairs, stop);
    }

    // Whitening by image divides by what depends on the image: what is behind it is convex in its result only.
    private static string Where(Spec spec, bool features) => features ? "features (not of the pixels)"
        : spec.Data.Preprocessing == PreprocessingKind.PerImage ? "whitened image (not of its pixels: each image is whitened by itself)"
        : "input";

    private static (Verdict, string) Judge(
        StructuralProof structure, EmpiricalTest empirical, EmpiricalTest? control, string where, int pairs, double rounding)
    {
        if (empirical.Violations > 0 && empirical.LargestExcess <= rounding)
            return (Verdict.Inconclusive,
                $"Inconclusive: the structure shows convexity, and {empirical.Violations:N0} of {empirical.Checks:N0} inequalities fail "
                + $"by no more than {empirical.LargestExcess:G2}, where float64 itself may be wrong by {rounding:G2}: numbers inside the "
                + "network are so much larger than the logits' differences that these cancel.");
        if (empirical.Violations > 0)
            return (Verdict.NotConvex, $"Not convex: {empirical.Violations:N0} of {empirical.Checks:N0} inequalities are violated.");
        if (empirical.NotFinite > 0)
            return (Verdict.Inconclusive,
                $"Inconclusive: {empirical.NotFinite:N0} of {empirical.Checks:N0} inequalities have logits that are no finite numbers.");
        if (!structure.Proved)
            return (Verdict.NotProved,
                $"Not proved: no violation in {empirical.Checks:N0} inequalities, "
                + $"but the structure does not show convexity ({string.Join(", ", structure.Broken.Take(3))}).");
        if (control is { Violations: 0 })
            return (Verdict.Inconclusive,
                "Inconclusive: the structure shows convexity, but the same test finds no violation in the unconstrained twin either.");
        return (Verdict.Convex,
            $"Convex: every logit is a convex function of the {where}, "
            + $"by structure and in {empirical.Checks:N0} inequalities without a violation"
            + (control is null ? "." : $"; the unconstrained twin violates {control.Violations:N0}.")
            + (pairs < Pairs ? $" Tested on {pairs:N0} pairs of each kind; the standard is {Pairs:N0}." : ""));
    }

    // A constant is convex, and passes any inequality.
    private static bool IsAllButConstant(Tensor logits)
    {
        var ranges = logits.max(0).values - logits.min(0).values; // [K]
        return ranges.max().item<double>() < Flat * (1 + logits.abs().max().item<double>());
    }

    private static EmpiricalTest Test(Func<Tensor, Tensor> logits, Tensor points, Plan plan, int pairs, CancellationToken stop)
        => new Inequalities(logits, points, BatchFor(plan), stop).Run(pairs);

    private static Tensor Features(PlanNetwork network, Tensor images) => InBatches(network.FeaturesOf, images, network.Plan);

    private static Tensor InBatches(Func<Tensor, Tensor> of, Tensor points, Plan plan)
    {
        long batch = BatchFor(plan), count = points.shape[0];
        var parts = new List<Tensor>();
        for (long at = 0; at < count; at += batch) parts.Add(of(points.narrow(0, at, Math.Min(batch, count - at))));
        return cat([.. parts]);
    }

    private static int BatchFor(Plan plan) => (int)Math.Clamp(MostNumbers / plan.LargestValue, 8, 500);

    // Running statistics that fit nothing let the signal of a deep network die out, and with it every difference.
    private static void Settle(PlanNetwork network, Tensor points)
    {
        if (!network.Plan.Steps.Any(s => s.Operation is BatchNormOperation)) return;
        network.train();
        for (var pass = 0; pass < SettlingPasses; pass++)
        {
            using var scope = NewDisposeScope();
            var batch = Math.Min(SettlingBatch, points.shape[0]);
            network.forward(points.narrow(0, pass * batch % Math.Max(1, points.shape[0] - batch + 1), batch));
        }
        network.eval();
    }

    // How far float64 may put the logits off: what comes of moving every stored number by its last bit. Where numbers inside are so large
    // that the logits' differences cancel, this is far above the tolerance of the inequalities.
    private static double RoundingOf(PlanNetwork exact, Func<Tensor, Tensor> logits, Tensor inputs, bool features)
    {
        var real = inputs.narrow(0, 0, Math.Min(inputs.shape[0], RoundingPoints));
        var some = cat([real, randn_like(real) * inputs.std()]);
        var plain = InBatches(logits, some, exact.Plan);
        var most = 0.0;
        for (var draw = 0; draw < RoundingDraws; draw++)
        {
            using var scope = NewDisposeScope();
            using var moved = Exact(exact);
            foreach (var (_, value) in moved.state_dict())
                if (value.is_floating_point()) value.mul_(randn_like(value).sign().mul_(LastBit).add_(1));
            Func<Tensor, Tensor> of = features ? moved.ForwardFeatures : moved.forward;
            var apart = (InBatches(of, some, exact.Plan) - plain).abs().max().item<double>();
            most = Math.Max(most, double.IsFinite(apart) ? apart : double.PositiveInfinity);
        }
        return SafetyFactor * most;
    }

    private static PlanNetwork Exact(PlanNetwork network)
    {
        var copy = new PlanNetwork(network.Plan);
        var to = copy.state_dict();
        foreach (var (name, value) in network.state_dict()) to[name].copy_(value);
        TorchSharp.ModuleExtensionMethods.to(copy, ScalarType.Float64);
        copy.eval();
        return copy;
    }
}
