using ConvexWeb.Training.Convexity;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>How weights start, besides what a constraint asks for.</summary>
public enum Initialisation
{
    /// <summary>PyTorch's defaults of each layer.</summary>
    PyTorch,

    /// <summary>
    /// Linear layers normal with deviation 0.02, biases 0; convolutions as PyTorch (CycleMLP's official code, which cuts the normal at an
    /// absolute 2, a hundred deviations).
    /// </summary>
    SmallNormal,

    /// <summary>Convolutions He normal by fan-in; Linear as PyTorch with bias 0 (torchvision's DenseNet).</summary>
    HeFanIn,

    /// <summary>Convolutions He normal by fan-out, biases 0; Linear U(±1/√out) with bias 0 (torchvision's EfficientNet).</summary>
    HeFanOut,

    /// <summary>
    /// Convolutions He normal by fan-out, Linear normal with the variance 2/(in + out), biases 0 (pluskid/fitting-random-labels).
    /// </summary>
    Pluskid,

    /// <summary>Glorot uniform: U(±√(6/(in + out))), biases 0 (Keras).</summary>
    GlorotUniform,

    /// <summary>Locally connected weights standard normal, all others as PyTorch (seed 002's code).</summary>
    StandardNormal,
}

/// <summary>
/// A network as a graph of operations, written once by its model's file. Shapes, parameter counts, which tensors a constraint covers and
/// the structural certificate of input convexity all follow from it without anything native; <see cref="PlanNetwork"/> runs it.
/// The constraint covers every weight behind a value that is not affine in the input (IOC paper s3),
/// and, unless switched off, BatchNorm's scales.
/// </summary>
public sealed class Plan
{
    private readonly List<PlanStep> steps = [];
    private readonly ConstraintOptions? constraint;

    /// <param name="input">Shape of one image, [C, H, W].</param>
    public Plan(IReadOnlyList<long> input, ConvexityOptions convexity)
    {
        constraint = convexity as ConstraintOptions;
        Convexity = convexity;
        Input = new Value(0, input, Standing.Affine);
        Output = Input;
    }

    public ConvexityOptions Convexity { get; }
    public Value Input { get; }
    public Value Output { get; private set; }
    public Initialisation Initialisation { get; init; }

    /// <summary>
    /// Operations whose tensors a source's own code leaves unconstrained;
    /// all others are constrained then. Null: the graph decides.
    /// </summary>
    public IReadOnlySet<string>? Exempt { get; init; }

    /// <summary>Operations whose biases a source's own code constrains as well, by name; null: none.</summary>
    public Func<string, bool>? CoversBias { get; init; }

    /// <summary>
    /// BatchNorm scales of affine values stay free as weights do;
    /// otherwise they are covered too, as in the source's code.
    /// </summary>
    public bool FreeAffineNorms { get; init; }

    public IReadOnlyList<PlanStep> Steps => steps;
    public bool IsConstrained => constraint is not null;

    /// <summary>While true, nothing is covered: the free part of a network with a convex head.</summary>
    public bool IsFree { get; set; }

    /// <summary>The step where features begin, if the certificate is about them and not about pixels.</summary>
    public PlanStep? Features { get; private set; }

    /// <summary>The last operation of an ensemble: where its gate and its experts are. Null for a single network.</summary>
    public EnsembleOperation? Ensemble => steps[^1].Operation as EnsembleOperation;

    /// <summary>What the logits are as functions of the pixels.</summary>
    public Standing InPixels
        => Features is null || ValueAt(Features.Operation.Inputs[0]).Standing == Standing.Affine ? Output.Standing : Standing.Unknown;

    /// <summary>Names of the tensors that the constraint covers.</summary>
    public IEnumerable<string> CoveredTensors => steps.SelectMany(s => s.Tensors).Where(t => t.Covered).Select(t => t.Name);

    /// <summary>The most numbers that any value holds for one image.</summary>
    public long LargestValue => steps.Max(s => s.Output.Size);

    public Value ValueAt(int index) => index == 0 ? Input : steps[index - 1].Output;

    /// <summary>What computes a value; null for the input.</summary>
    public Operation? OperationOf(int index) => index == 0 ? null : steps[index - 1].Operation;

    public Value Conv2d(
        string name, Value x, long channels, long kernel, long stride = 1, long padding = 0, long groups = 1, bool bias = true)
    {
        var (height, width) = (Reduced(x.Shape[1], kernel, stride, padding), Reduced(x.Shape[2], kernel, stride, padding));
        var perOutput = x.Shape[0] / groups * kernel * kernel;
        return Weighted(new Conv2dOperation(name, x.Index, x.Shape[0], channels, kernel, stride, padding, groups), x,
            [channels, height, width], [channels, x.Shape[0] / groups, kernel, kernel], bias, channels * height * width * perOutput);
    }

    /// <summary>A locally connected layer without bias: weight [places, channels, in · kernel²], places in row-major order.</summary>
    public Value Local(string name, Value x, long channels, long kernel, long stride = 1, long padding = 0)
    {
        var (height, width) = (Reduced(x.Shape[1], kernel, stride, padding), Reduced(x.Shape[2], kernel, stride, padding));
        var perOutput = x.Shape[0] * kernel * kernel;
        return Weighted(new LocalOperation(name, x.Index, x.Shape[0], channels, kernel, stride, padding), x,
            [channels, height, width], [height * width, channels, perOutput], false, channels * height * width * perOutput);
    }

    /// <summary>Zeros below and to the right.</summary>
    public Value Pad(string name, Value x, long by)
        => Keep(new PadOperation(name, x.Index, by), x, [x.Shape[0], x.Shape[1] + by, x.Shape[2] + by]);

    public Value LocalResponseNorm(string name, Value x, long size, double alpha, double beta, double k)
        => Add(new LocalResponseNormOperation(name, x.Index, size, alpha, beta, k), x.Shape, [], 0);

    /// <summary>An angle that is set from outside, [1]: the buffer name.angle.</summary>
    public Value GivenAngle(string name) => Add(new AngleOperation(name, IsTrained: false), [1], [], 0);

    /// <summary>A trained angle of that shape: the tensor name.angle.</summary>
    public Value TrainedAngle(string name, IReadOnlyList<long> shape)
        => Add(new AngleOperation(name, IsTrained: true), shape, [new(name + ".angle", TensorRole.Angle, shape, false)], 0);

    public Value Slope(string name, Value x, Value angle) => Add(new SlopeOperation(name, x.Index, angle.Index), x.Shape, [], x.Size);

    public Value Linear(string name, Value x, long features, bool bias = true)
    {
        IReadOnlyList<long> shape = x.Shape.Count == 3 ? [features, .. x.Shape.Skip(1)] : [.. x.Shape.SkipLast(1), features];
        var operation = new LinearOperation(name, x.Index, x.Channels, features);
        return Weighted(operation, x, shape, [features, x.Channels], bias, x.Size * features);
    }

    /// <summary>[S, C] → [tokens, C]: one Linear over the tokens, the same for every channel.</summary>
    public Value TokenLinear(string name, Value x, long tokens)
        => Weighted(new TokenLinearOperation(name, x.Index, x.Shape[0], tokens), x,
            [tokens, x.Shape[1]], [tokens, x.Shape[0]], true, x.Size * tokens);

    /// <summary>Cycle FC of CycleMLP: shifts, then a 1 × 1 product whose weight has a convolution's shape [out, in, 1, 1].</summary>
    public Value CycleFc(string name, Value x, long channels, bool alongRow)
    {
        var shifted = Keep(new CycleShiftOperation(name + " shift", x.Index, alongRow), x, x.Shape);
        return Conv2d(name, shifted, channels, 1);
    }

    public Value BatchNorm(
        string name, Value x, double eps = 1e-5, double momentum = 0.1, bool scale = true, bool shift = true)
    {
        var covered = ConstrainsScales && Covers(name, !(FreeAffineNorms && x.Standing == Standing.Affine));
        return Normalised(new BatchNormOperation(name, x.Index, eps, momentum, scale, shift), x, covered, scale, shift);
    }

    public Value LayerNorm(string name, Value x, double eps = 1e-5)
        => Normalised(new LayerNormOperation(name, x.Index, eps), x, ConstrainsScales && Covers(name, true));

    public Value Activation(string name, Value x, ActivationFunction function)
        => Add(new ActivationOperation(name, x.Index, function), x.Shape, [], x.Size);

    public Value Dropout(string name, Value x, double p) => p == 0 ? x : Keep(new DropoutOperation(name, x.Index, p), x, x.Shape);

    public Value DropPath(string name, Value x, double p) => p == 0 ? x : Keep(new DropPathOperation(name, x.Index, p), x, x.Shape);

    public Value MaxPool(string name, Value x, long kernel, long stride, long padding = 0, bool ceil = false)
    {
        var beyond = ceil ? stride - 1 : 0;
        return Add(new MaxPoolOperation(name, x.Index, kernel, stride, padding, ceil),
            [x.Shape[0], Reduced(x.Shape[1] + beyond, kernel, stride, padding), Reduced(x.Shape[2] + beyond, kernel, stride, padding)],
            [], x.Size);
    }

    public Value AvgPool(string name, Value x, long kernel)
        => Keep(new AvgPoolOperation(name, x.Index, kernel), x,
            [x.Shape[0], Reduced(x.Shape[1], kernel, kernel, 0), Reduced(x.Shape[2], kernel, kernel, 0)]);

    public Value GlobalMean(string name, Value x) => Keep(new GlobalMeanOperation(name, x.Index), x, [x.Channels]);

    /// <summary>[C, H, W] → [C, 1, 1]: the mean over places, kept as an image.</summary>
    public Value Pixel(string name, Value x) => Keep(new GlobalMeanOperation(name, x.Index, KeepPlaces: true), x, [x.Channels, 1, 1]);

    public Value Flatten(string name, Value x) => Keep(new FlattenOperation(name, x.Index), x, [x.Size]);

    public Value Tokens(string name, Value x) => Keep(new TokensOperation(name, x.Index), x, [x.Shape[1] * x.Shape[2], x.Shape[0]]);

    public Value ChannelsLast(string name, Value x) => Keep(new ChannelsLastOperation(name, x.Index), x, x.Shape);

    public Value Concat(string name, IReadOnlyList<Value> parts)
        => Add(new ConcatOperation(name, [.. parts.Select(p => p.Index)]), [parts.Sum(p => p.Shape[0]), .. parts[0].Shape.Skip(1)], [], 0);

    public Value Add(string name, Value left, Value right)
        => Add(new AddOperation(name, left.Index, right.Index), left.Shape, [], left.Size);

    public Value Gate(string name, Value x, Value factor) => Add(new GateOperation(name, x.Index, factor.Index), x.Shape, [], x.Size);

    public Value SoftmaxMix(string name, Value logits, IReadOnlyList<Value> branches)
        => Add(new SoftmaxMixOperation(name, logits.Index, [.. branches.Select(b => b.Index)]),
            branches[0].Shape, [], branches.Sum(b => b.Size));

    /// <summary>
    /// A weighted sum with a learned coefficient for each branch and channel,
    /// [N, C] under the given name. Shares: never negative under a constraint.
    /// </summary>
    public Value Mix(string name, IReadOnlyList<Value> branches)
    {
        var worst = branches.MaxBy(b => b.Standing)!;
        var covered = Covers(name, true);
        return Add(new MixOperation(name, [.. branches.Select(b => b.Index)]), worst.Shape,
            [Tensor(name, TensorRole.Coefficient, [branches.Count, worst.Channels], covered)], branches.Sum(b => b.Size));
    }

    /// <summary>A learned coefficient for each channel, under the given name. Never negative under a constraint.</summary>
    public Value Scale(string name, Value x)
    {
        var covered = Covers(name, true);
        return Add(new ScaleOperation(name, x.Index), x.Shape, [Tensor(name, TensorRole.Coefficient, [x.Channels], covered)], x.Size);
    }

    /// <summary>Experts [1] and a gate [E], or one expert and no gate → log-probabilities of the mixture [2].</summary>
    public Value Mixture(string name, Value? gate, IReadOnlyList<Value> experts)
        => Add(new MixtureOperation(name, gate?.Index, [.. experts.Select(e => e.Index)]), [2], [], 0);

    /// <summary>Experts [K] and a gate [E] → the preferred expert's [K].</summary>
    public Value Selection(string name, Value gate, IReadOnlyList<Value> experts)
        => Add(new SelectionOperation(name, gate.Index, [.. experts.Select(e => e.Index)]), experts[0].Shape, [], 0);

    /// <summary>
    /// From here on, weights and certificate are about features:
    /// a free network made them, and the first affine layer behind may have any sign.
    /// </summary>
    public Value BeginFeatures(string name, Value x)
    {
        var value = Add(new FeaturesOperation(name, x.Index), x.Shape, [], 0);
        Features = steps[^1];
        return value;
    }

    private Value Weighted(
        Operation operation, Value x, IReadOnlyList<long> shape, IReadOnlyList<long> weight, bool bias, long multiplyAdds)
    {
        // The first affine layers keep their sign: whatever is affine in the input stays affine behind them.
        var covered = Covers(operation.Name, x.Standing != Standing.Affine);
        var planned = Tensor(operation.Name + ".weight", TensorRole.Weight, weight, covered);
        IReadOnlyList<PlannedTensor> tensors = bias
            ? [planned, Tensor(operation.Name + ".bias", TensorRole.Bias, [weight[0]], IsBiasCovered(operation.Name))]
            : [planned];
        return Add(operation, shape, tensors, multiplyAdds);
    }

    private Value Normalised(Operation operation, Value x, bool covered, bool scale = true, bool shift = true)
    {
        var tensors = new List<PlannedTensor>();
        if (scale) tensors.Add(Tensor(operation.Name + ".weight", TensorRole.NormScale, [x.Channels], covered));
        if (shift) tensors.Add(new(operation.Name + ".bias", TensorRole.NormShift, [x.Channels], false));
        return Add(operation, x.Shape, tensors, x.Size);
    }

    // A reparametrised tensor is stored as PyTorch's parametrizations store it; softplus of it is the weight.
    private PlannedTensor Tensor(string name, TensorRole role, IReadOnlyList<long> shape, bool covered)
        => new(covered && constraint is SoftplusReparamOptions ? Reparametrised(name) : name, role, shape, covered);

    private static string Reparametrised(string name)
    {
        var dot = name.LastIndexOf('.') + 1;
        return $"{name[..dot]}parametrizations.{name[dot..]}.original";
    }

    private bool ConstrainsScales => constraint is { ConstrainBnGamma: true };

    // Before features begin a free network stands, whatever the constraint.
    private bool Covers(string name, bool byGraph)
        => constraint is not null && !IsFree && (Exempt is null ? byGraph : !Exempt.Contains(name));

    private bool IsBiasCovered(string name) => constraint is not null && !IsFree && CoversBias?.Invoke(name) == true;

    private Value Keep(Operation operation, Value x, IReadOnlyList<long> shape) => Add(operation, shape, [], 0);

    private Value Add(Operation operation, IReadOnlyList<long> shape, IReadOnlyList<PlannedTensor> tensors, long multiplyAdds)
    {
        if (shape.Any(s => s < 1))
            throw new ImpossiblePlanException(
                $"{operation.Name} would have the shape [{string.Join(", ", shape)}]: the images are too small for this model");
        var (standing, breaks) = ConvexityRules.Judge(
            operation, [.. operation.Inputs.Select(i => ValueAt(i).Standing)], tensors.All(t => t.Covered || !t.Multiplies));
        Output = new Value(steps.Count + 1, shape, standing);
        steps.Add(new PlanStep(operation, Output, tensors, multiplyAdds, breaks));
        return Output;
    }

    private static long Reduced(long size, long kernel, long stride, long padding)
        => size + 2 * padding < kernel ? 0 : (size + 2 * padding - kernel) / stride + 1;
}

/// <summary>A model that cannot be built for the given images.</summary>
public sealed class ImpossiblePlanException(string message) : Exception(message);
