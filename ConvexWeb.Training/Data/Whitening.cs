using static TorchSharp.torch;

namespace ConvexWeb.Training.Data;

/// <summary>
/// ZCA whitening (science.md S1):
/// W = U·diag(1/√(λ + eps))·Uᵀ of the covariance of the flattened training images in [0, 1]; x → (x − mean)·W.
/// Affine, so input convexity is preserved.
/// </summary>
public static class Whitening
{
    private const int Rows = 4096;
    private const int LargestMatrix = 12_288;

    /// <summary>Whether there are so few images, and of so many values, that <see cref="FitFew"/> is the way.</summary>
    public static bool IsFew(long images, long values) => values > 4096 && images < values;

    /// <summary>
    /// Whether the work can be done:
    /// the matrix whose eigenvectors are wanted must be of bearable size, and the whitened images must fit into memory.
    /// </summary>
    public static bool IsPossible(long images, long values)
        => IsFew(images, values)
            ? images <= LargestMatrix && images * values <= 500_000_000
            : values <= LargestMatrix && images * values <= 4_000_000_000;

    /// <summary>Mean [d] and W [d, d], float32, of images [N, d]: uint8, or float32 on the scale from 0 to 1.</summary>
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
        foreach (var block in Blocks(images)) blocks.Add(Of(block, mean, matrix));
        return cat([.. blocks]).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The same whitening for N images of d values, N &lt; d, without a d × d matrix. With X the centred images and G = X·Xᵀ/N =
    /// V·diag(λ)·Vᵀ, the covariance has the eigenvalues λ and else 0, so W = I/√eps + Xᵀ·V·diag(h)·Vᵀ·X
    /// with h = (1/√(λ + eps) − 1/√eps)/(N·λ), and −h ≥ 0 has a root: W = I/√eps − Bᵀ·B.
    /// </summary>
    /// <returns>Mean [d] and B [N, d], float32.</returns>
    public static (Tensor Mean, Tensor Basis) FitFew(Tensor images, double eps)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var count = images.shape[0];
        var levels = images.dtype == ScalarType.Byte ? 255.0 : 1;
        var mean = images.sum(0, type: ScalarType.Float64).div(levels * count).to(ScalarType.Float32);
        var x = ImageTensors.Scaled(images).sub_(mean);
        var gram = zeros([count, count], ScalarType.Float64);
        for (long at = 0; at < x.shape[1]; at += Rows)
        {
            using var inner = NewDisposeScope();
            var part = x.narrow(1, at, Math.Min(Rows, x.shape[1] - at));
            gram.add_(part.mm(part.t()).to(ScalarType.Float64));
        }
        gram.div_(count);
        var (values, vectors) = linalg.eigh(gram);
        // (1/√eps − 1/√(λ + eps))/λ without the difference of what is nearly the same:
        // 1/(√eps·√(λ + eps)·(√eps + √(λ + eps))).
        var root = values.clamp(min: 0).add(eps).sqrt();
        var weight = root.mul(root.add(Math.Sqrt(eps))).mul(Math.Sqrt(eps) * count).rsqrt();
        var basis = vectors.mul(weight).mm(vectors.t()).to(ScalarType.Float32).mm(x);
        return (mean.MoveToOuterDisposeScope(), basis.MoveToOuterDisposeScope());
    }

    /// <summary>Images whitened by <see cref="FitFew"/>, float32 [N, d].</summary>
    public static Tensor ApplyFew(Tensor images, Tensor mean, Tensor basis, double eps)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var blocks = new List<Tensor>();
        foreach (var block in Blocks(images)) blocks.Add(OfFew(block, mean, basis, eps));
        return cat([.. blocks]).MoveToOuterDisposeScope();
    }

    /// <summary>A batch float32 [B, d] in 0..1, whitened by <see cref="Fit"/>.</summary>
    public static Tensor Of(Tensor batch, Tensor mean, Tensor matrix) => batch.sub(mean).mm(matrix);

    /// <summary>A batch float32 [B, d] in 0..1, whitened by <see cref="FitFew"/>.</summary>
    public static Tensor OfFew(Tensor batch, Tensor mean, Tensor basis, double eps)
    {
        var x = batch.sub(mean);
        return x.mul(1 / Math.Sqrt(eps)).sub_(x.mm(basis.t()).mm(basis));
    }

    private static IEnumerable<Tensor> Blocks(Tensor images)
    {
        var count = images.shape[0];
        for (long at = 0; at < count; at += Rows)
            yield return ImageTensors.Scaled(images.narrow(0, at, Math.Min(Rows, count - at)));
    }
}
