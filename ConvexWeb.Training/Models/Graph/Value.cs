using System.Text.Json.Serialization;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>
/// What a value is as a function of the network's input, in eval mode.
/// Ordered: an operation's result is no better than its worst input.
/// </summary>
[JsonConverter(typeof(JsonWordConverter<Standing>))]
public enum Standing
{
    /// <summary>Affine in the input: weights behind it may have any sign.</summary>
    [JsonStringEnumMemberName("affine")]
    Affine,

    /// <summary>Each element is a convex function of the input.</summary>
    [JsonStringEnumMemberName("convex")]
    Convex,

    /// <summary>Nothing is known: some operation on the way may break convexity.</summary>
    [JsonStringEnumMemberName("unknown")]
    Unknown,
}

/// <summary>A value inside a <see cref="Plan"/>: what an operation gives.</summary>
/// <param name="Index">Its place in the plan; 0 is the input.</param>
/// <param name="Shape">Without the batch: [C, H, W], [S, C] or [C].</param>
public sealed record Value(int Index, IReadOnlyList<long> Shape, Standing Standing)
{
    public long Size => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>[C, H, W] has its channels first; [S, C] and [C] have them last.</summary>
    public long Channels => Shape.Count == 3 ? Shape[0] : Shape[^1];
}
