using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine.Metrics;

/// <summary>
/// How local filters are (science.md B13): the variance of |w| over the places of a filter around its centroid, over the variance that the
/// same values have on the average over all orders of the places. 1 is no more local than chance; a point is 0.
/// </summary>
internal static class Locality
{
    /// <summary>The mean over the filters that have a locality; null where none has.</summary>
    public static double? Mean(Tensor filters)
    {
        using var scope = NewDisposeScope();
        var each = Of(filters);
        var known = each.masked_select(each.isfinite());
        return known.numel() == 0 ? null : known.mean().item<double>();
    }

    /// <param name="filters">[units, C, h, w].</param>
    /// <returns>float64 [units]; NaN for a filter without a value other than 0, or with a single place.</returns>
    public static Tensor Of(Tensor filters)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var (height, width) = (filters.shape[2], filters.shape[3]);
        var mass = filters.abs().sum([1]).to(ScalarType.Float64).flatten(1); // [units, places]
        var total = mass.sum([1]);
        var y = arange(height, ScalarType.Float64).sub((height - 1) / 2.0).unsqueeze(1).expand(height, width).reshape(-1).to(mass.device);
        var x = arange(width, ScalarType.Float64).sub((width - 1) / 2.0).unsqueeze(0).expand(height, width).reshape(-1).to(mass.device);
        var away = y.square() + x.square();
        Tensor Mean(Tensor of) => mass.mul(of).sum([1]).div(total);
        var variance = Mean(away) - Mean(y).square() - Mean(x).square();

        // Over all orders: the places are centred, so E|Σ m·r|² = S·(Σm² − (M² − Σm²)/(n − 1)), S the mean of |r|².
        var spread = away.mean();
        var share = mass.square().sum([1]).div(total.square());
        var expected = spread * (1 - share + (1 - share) / (height * width - 1));
        return (variance / expected).MoveToOuterDisposeScope();
    }
}
