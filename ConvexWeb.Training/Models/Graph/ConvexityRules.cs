namespace ConvexWeb.Training.Models.Graph;

/// <summary>
/// Which operations keep input convexity in eval mode, and why others do not (science.md S1, the table of modules). One function for the
/// plan, where a weight counts as non-negative if the constraint covers it,
/// and for the certificate of a trained network, where its numbers are looked at.
/// </summary>
public static class ConvexityRules
{
    private static readonly HashSet<ActivationFunction> ConvexFunctions =
    [
        ActivationFunction.Relu, ActivationFunction.Elu, ActivationFunction.LeakyRelu,
        ActivationFunction.Softplus, ActivationFunction.Identity,
    ];

    /// <param name="inputs">What the operation's inputs are.</param>
    /// <param name="nonNegative">Whether the weights, scales or coefficients that multiply its inputs are all at least 0.</param>
    /// <returns>What comes out, and why that is unknown although the inputs were not; null where convexity is kept.</returns>
    public static (Standing Standing, string? Breaks) Judge(Operation operation, IReadOnlyList<Standing> inputs, bool nonNegative)
    {
        var worst = inputs.Max();
        return operation switch
        {
            FeaturesOperation when worst == Standing.Affine => (Standing.Affine, null),
            FeaturesOperation
                => (Standing.Affine, "what comes before is a free network: only what follows is convex, in the features"),
            LayerNormOperation => Broken("it divides by a deviation that depends on the input"),
            GateOperation => Broken("it multiplies two values that both depend on the input"),
            SoftmaxMixOperation => Broken("its softmax shares depend on the input and multiply values that do, too"),
            MixtureOperation { Gate: null } => Broken("log-probabilities are not convex: only the expert's logit can be"),
            EnsembleOperation
                => Broken("a gate that depends on the input chooses between the experts or weighs them: "
                    + "each expert by itself can be convex, the whole is not"),
            ActivationOperation { Function: ActivationFunction.Identity } => (worst, null),
            ActivationOperation a when ConvexFunctions.Contains(a.Function) => (Worst(worst, Standing.Convex), null),
            ActivationOperation a => Broken($"{a.Kind} is not convex and non-decreasing"),
            // Between the identity and ReLU: convex and non-decreasing for every θ in [0, π/4].
            SlopeOperation => (Worst(worst, Standing.Convex), null),
            LocalResponseNormOperation => Broken("it divides by what depends on the input"),
            MaxPoolOperation => (Worst(worst, Standing.Convex), null),
            _ when !IsAffine(operation) => Broken("no rule says that it keeps convexity"),
            _ when worst == Standing.Convex && !nonNegative
                => Broken("it has negative weights, or free ones, behind a value that is convex but not affine"),
            _ => (worst, null),
        };
    }

    // Affine in its inputs, in eval mode. An operation that is not listed must not count as convex by default.
    private static bool IsAffine(Operation operation)
        => operation is Conv2dOperation or LocalOperation or PadOperation or AngleOperation
            or LinearOperation or TokenLinearOperation or BatchNormOperation
            or DropoutOperation or DropPathOperation or AvgPoolOperation or GlobalMeanOperation or FlattenOperation or TokensOperation
            or ChannelsLastOperation or ConcatOperation or AddOperation or MixOperation or ScaleOperation or CycleShiftOperation;

    private static (Standing, string?) Broken(string because) => (Standing.Unknown, because);

    private static Standing Worst(Standing a, Standing b) => a > b ? a : b;
}
