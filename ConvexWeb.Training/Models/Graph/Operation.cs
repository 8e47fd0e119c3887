using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>One operation of a network, as data: what it does, not how. Inputs are indices of values.</summary>
public abstract record Operation(string Name, IReadOnlyList<int> Inputs)
{
    /// <summary>The word of <c>describe</c>.</summary>
    public abstract string Kind { get; }
}

/// <summary>[In, H, W] → [Out, H', W'].</summary>
public sealed record Conv2dOperation(
    string Name, int Input, long In, long Out, long Kernel, long Stride, long Padding, long Groups)
    : Operation(Name, [Input])
{
    public override string Kind => Groups == 1 ? "Conv2d" : "Conv2d, grouped";
}

/// <summary>
/// [In, H, W] → [Out, H', W'] as a convolution, but with a filter of its own at every place: out[o, p] = Σ w[p, o, c·u·v] · in[c, y, x].
/// </summary>
public sealed record LocalOperation(string Name, int Input, long In, long Out, long Kernel, long Stride, long Padding)
    : Operation(Name, [Input])
{
    public override string Kind => "Locally connected";
}

/// <summary>[…, In] → […, Out]; [In, H, W] → [Out, H, W].</summary>
public sealed record LinearOperation(string Name, int Input, long In, long Out) : Operation(Name, [Input])
{
    public override string Kind => "Linear";
}

/// <summary>[In, C] → [Out, C]: mixes tokens, each channel by itself.</summary>
public sealed record TokenLinearOperation(string Name, int Input, long In, long Out) : Operation(Name, [Input])
{
    public override string Kind => "Linear over tokens";
}

/// <summary>Batch normalisation over the channels; a scale that is not trained is 1, a shift 0.</summary>
public sealed record BatchNormOperation(string Name, int Input, double Eps, double Momentum, bool HasScale = true, bool HasShift = true)
    : Operation(Name, [Input])
{
    public override string Kind => "BatchNorm";
}

/// <summary>Normalises the channels of each place of each sample by themselves.</summary>
public sealed record LayerNormOperation(string Name, int Input, double Eps) : Operation(Name, [Input])
{
    public override string Kind => "LayerNorm";
}

/// <summary>
/// Divides each value by (k + α/n · Σ of squares over n neighbouring channels)^β: Krizhevsky et al. 2012, in PyTorch's terms.
/// </summary>
public sealed record LocalResponseNormOperation(string Name, int Input, long Size, double Alpha, double Beta, double K)
    : Operation(Name, [Input])
{
    public override string Kind => "Local response norm";
}

/// <summary>Zeros below and to the right of [C, H, W], as TensorFlow's SAME pads where it cannot pad evenly.</summary>
public sealed record PadOperation(string Name, int Input, long By) : Operation(Name, [Input])
{
    public override string Kind => "Pad";
}

/// <summary>
/// An angle θ in [0, π/4] that does not depend on the images: given from epoch to epoch and kept as a buffer, or (π/4)·sigmoid of what is
/// trained. One for all, or one for each value of an activation.
/// </summary>
public sealed record AngleOperation(string Name, bool IsTrained) : Operation(Name, [0])
{
    public override string Kind => IsTrained ? "Angle, trained" : "Angle";
}

/// <summary>x where it is positive, else x·tan θ: from the identity at θ = π/4 to ReLU at 0 (seed 003).</summary>
public sealed record SlopeOperation(string Name, int Input, int Angle) : Operation(Name, [Input, Angle])
{
    public override string Kind => "Annealed slope";
}

public sealed record ActivationOperation(string Name, int Input, ActivationFunction Function) : Operation(Name, [Input])
{
    public override string Kind => ChoiceWord.Of(Function);
}

public sealed record DropoutOperation(string Name, int Input, double P) : Operation(Name, [Input])
{
    public override string Kind => "Dropout";
}

/// <summary>Drops whole samples of a residual branch while training (stochastic depth); the identity in eval mode.</summary>
public sealed record DropPathOperation(string Name, int Input, double P) : Operation(Name, [Input])
{
    public override string Kind => "DropPath";
}

/// <param name="Ceil">Whether a window that reaches beyond the edge counts, by what of it is inside.</param>
public sealed record MaxPoolOperation(string Name, int Input, long Kernel, long Stride, long Padding, bool Ceil = false)
    : Operation(Name, [Input])
{
    public override string Kind => "MaxPool2d";
}

public sealed record AvgPoolOperation(string Name, int Input, long Kernel) : Operation(Name, [Input])
{
    public override string Kind => "AvgPool2d";
}

/// <summary>[C, H, W] → [C] (or [C, 1, 1] with <paramref name="KeepPlaces"/>), or [S, C] → [C]: the mean over places.</summary>
public sealed record GlobalMeanOperation(string Name, int Input, bool KeepPlaces = false) : Operation(Name, [Input])
{
    public override string Kind => "Mean";
}

public sealed record FlattenOperation(string Name, int Input) : Operation(Name, [Input])
{
    public override string Kind => "Flatten";
}

/// <summary>[C, H, W] → [H·W, C].</summary>
public sealed record TokensOperation(string Name, int Input) : Operation(Name, [Input])
{
    public override string Kind => "To tokens";
}

/// <summary>Keeps [C, H, W], stores it with the channels last in memory: the layers behind it work on whole pixels.</summary>
public sealed record ChannelsLastOperation(string Name, int Input) : Operation(Name, [Input])
{
    public override string Kind => "Channels last";
}

/// <summary>Joins along the channels of [C, H, W].</summary>
public sealed record ConcatOperation(string Name, IReadOnlyList<int> Parts) : Operation(Name, Parts)
{
    public override string Kind => "Concat";
}

public sealed record AddOperation(string Name, int Left, int Right) : Operation(Name, [Left, Right])
{
    public override string Kind => "Add";
}

/// <summary>[C, H, W] times a factor [C, 1, 1] of its own sample: squeeze and excitation.</summary>
public sealed record GateOperation(string Name, int Input, int Factor) : Operation(Name, [Input, Factor])
{
    public override string Kind => "Gate";
}

/// <summary>
/// Logits [C·N] read as (C, N), softmax over N;
/// then the sum over the N branches [C, H, W] of branch · its share: CycleMLP's re-weighting.
/// </summary>
public sealed record SoftmaxMixOperation(string Name, int Logits, IReadOnlyList<int> Branches) : Operation(Name, [Logits, .. Branches])
{
    public override string Kind => "Softmax gate";
}

/// <summary>The sum over branches of branch · a learned coefficient for each channel, [N, C].</summary>
public sealed record MixOperation(string Name, IReadOnlyList<int> Branches) : Operation(Name, Branches)
{
    public override string Kind => "Weighted sum";
}

/// <summary>Multiplies each channel by a learned coefficient.</summary>
public sealed record ScaleOperation(string Name, int Input) : Operation(Name, [Input])
{
    public override string Kind => "Scale";
}

/// <summary>
/// Moves each channel i of [C, H, W] by ((i + 1) mod 3) − 1 places along a row (or a column):
/// out[i, y, x] = in[i, y, x + offset], zero outside.
/// With the 1 × 1 product behind it, this is CycleMLP's Cycle FC for kernel (1, 3) (or (3, 1)).
/// </summary>
public sealed record CycleShiftOperation(string Name, int Input, bool AlongRow) : Operation(Name, [Input])
{
    public override string Kind => AlongRow ? "Shift along row" : "Shift along column";
}

/// <summary>
/// The last operation of an ensemble: what its experts say, by what its gate prefers.
/// The gate's logits [E] come first; a lone expert has none.
/// </summary>
public abstract record EnsembleOperation(string Name, int? Gate, IReadOnlyList<int> Experts)
    : Operation(Name, Gate is { } gate ? [gate, .. Experts] : Experts);

/// <summary>
/// Experts' logits of class 1, [1] each → log-probabilities [2] of the mixture Σ g_e(x)·p_e(y | x):
/// its cross-entropy is its negative log-likelihood.
/// </summary>
public sealed record MixtureOperation(string Name, int? Gate, IReadOnlyList<int> Experts) : EnsembleOperation(Name, Gate, Experts)
{
    public override string Kind => "Mixture";
}

/// <summary>Experts' logits [K] each → the logits of the one expert that the gate prefers.</summary>
public sealed record SelectionOperation(string Name, int? Gate, IReadOnlyList<int> Experts) : EnsembleOperation(Name, Gate, Experts)
{
    public override string Kind => "Selection";
}

/// <summary>Where a certificate starts anew: what comes in are features, not pixels.</summary>
public sealed record FeaturesOperation(string Name, int Input) : Operation(Name, [Input])
{
    public override string Kind => "Features";
}
