using System.Text.Json.Serialization;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Theory;

/// <summary>
/// Whether the squared loss of a deep linear network is a convex function of its weights: the ends of the Hessian's spectrum.
/// </summary>
public sealed record LossConvexityReport
{
    /// <summary>What seed 003 says.</summary>
    public string Claim { get; } =
        "Seed 003: when the activation is the identity, the loss of any network, regardless of depth, becomes convex.";

    /// <summary>What is known.</summary>
    public string Says { get; } =
        "False for two or more weight matrices: the squared loss is convex in their product, not in the factors. "
        + "Every local minimum of it is global (Kawaguchi 2016, squared loss).";

    /// <summary>Weight matrices.</summary>
    public required int Layers { get; init; }
    public required int Inputs { get; init; }

    /// <summary>Units of each hidden layer.</summary>
    public required int Width { get; init; }
    public required int Outputs { get; init; }

    /// <summary>Points of the seeded data set.</summary>
    public required int Samples { get; init; }
    public required ulong Seed { get; init; }

    /// <summary>The network, and one weight matrix as the control.</summary>
    public required IReadOnlyList<HessianReport> Cases { get; init; }
    public required double Milliseconds { get; init; }
}

/// <summary>Where the Hessian is looked at.</summary>
[JsonConverter(typeof(JsonWordConverter<HessianPlace>))]
public enum HessianPlace
{
    /// <summary>Of a network of one weight matrix, where the loss is convex.</summary>
    [JsonStringEnumMemberName("control_at_zero")]
    ControlAtZero,

    [JsonStringEnumMemberName("at_zero")]
    AtZero,

    /// <summary>A small random place; for three or more matrices.</summary>
    [JsonStringEnumMemberName("at_random")]
    AtRandom,
}

/// <summary>The Hessian at one place.</summary>
public sealed record HessianReport
{
    public required HessianPlace Place { get; init; }

    /// <summary>The finding in a sentence.</summary>
    public required string Says { get; init; }
    public required int Layers { get; init; }
    public required int Parameters { get; init; }
    public required double Loss { get; init; }
    public required double GradientNorm { get; init; }
    public required double SmallestEigenvalue { get; init; }
    public required double LargestEigenvalue { get; init; }

    /// <summary>‖H·v − λ·v‖ of the smallest eigenvalue's unit vector.</summary>
    public required double Residual { get; init; }

    /// <summary>Lanczos' products with the Hessian.</summary>
    public required int Steps { get; init; }
    public required bool IsConverged { get; init; }

    /// <summary>
    /// The loss on the line through this place along that vector. Convexity would keep it at the middle below the mean of both sides.
    /// </summary>
    public required IReadOnlyList<LossPlace> Slice { get; init; }

    /// <summary>The largest L(0) − (L(t) + L(−t))/2 on it: a violation where it is positive, without any derivative.</summary>
    public required double MidpointExcess { get; init; }
}

/// <param name="At">Distance along the unit vector.</param>
public sealed record LossPlace(double At, double Loss);
