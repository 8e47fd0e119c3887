using static TorchSharp.torch;

namespace ConvexWeb.Training.Datasets;

/// <summary>
/// ZCA whitening (science.md S1): W = U·diag(1/√(λ + eps))·Uᵀ of the covariance of the flattened training images in [0, 1]; x → (x − mean)·W.
/// Affine, so input convexity is preserved.
/// </summary>
public static class Whitening
{
    private const int Rows = 4096;

    /// <summary>Mean [d] and W [d, d], float32, of images uint8 [N, d].</summary>
    public static (Tensor Mean, Tensor Matrix) Fit(Tensor images, double eps)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var count = images.shape[0];
        var dimensions = images.shape[1];
        var mean = zeros([dimensions], ScalarType.Float64);
        foreach (var block in Blocks(images)) mean.add_(block.sum(0, type: ScalarType.Float64));
        mean.div_(count);

        // Products of centred blocks in float32, summed in float64: as exact as needed and five times as fast.
        var covariance = zeros([dimensions, dimensions], ScalarType.Float64);
        var centre = mean.to(ScalarType.Float32);
        foreach (var block in Blocks(images))
        {
            using var inner = NewDisposeScope();
            var x = block - centre;
            covariance.add_(x.t().mm(x).to(ScalarType.Float64));
        }
        covariance.div_(count);
        var (values, vectors) = linalg.eigh(covariance);
        var scale = values.clamp(min: 0).add(eps).rsqrt();
        var matrix = vectors.mul(scale).mm(vectors.t()).to(ScalarType.Float32);
        return (centre.MoveToOuterDisposeScope(), matrix.MoveToOuterDisposeScope());
    }

    /// <summary>Whitened images, float32 [N, d].</summary>
    public static Tensor Apply(Tensor images, Tensor mean, Tensor matrix)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var blocks = new List<Tensor>();
        foreach (var block in Blocks(images)) blocks.Add(block.sub_(mean).mm(matrix));
        return cat([.. blocks]).MoveToOuterDisposeScope();
    }

    private static IEnumerable<Tensor> Blocks(Tensor images)
    {
        var count = images.shape[0];
        for (long at = 0; at < count; at += Rows)
            yield return images.narrow(0, at, Math.Min(Rows, count - at)).to(ScalarType.Float32).div_(255);
    }
}
