using ConvexWeb.Training.Data;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>A whitening that was fitted to the training images, and the splits that it makes.</summary>
/// <param name="Matrix">[d, d], or where <paramref name="IsFew"/> the basis [N, d] of <see cref="Whitening.FitFew"/>.</param>
internal sealed record ZcaWhitening(Tensor Mean, Tensor Matrix, bool IsFew, double Eps)
{
    /// <summary>A split of images that are whitened here and now.</summary>
    /// <param name="images">uint8 [N, C, H, W].</param>
    /// <param name="labels">The split's own.</param>
    public Split Before(Tensor images, Tensor labels, Device device)
    {
        var pixels = images.flatten(1);
        using var white = IsFew ? Whitening.ApplyFew(pixels, Mean, Matrix, Eps) : Whitening.Apply(pixels, Mean, Matrix);
        return new(white.view(images.shape).to(device).DetachFromDisposeScope(), labels);
    }

    /// <summary>A split of the images as they are, which are whitened in each batch, behind whatever is done to them there.</summary>
    public Split Behind(Tensor images, Tensor labels, Device device)
    {
        // Held by the split's function for the life of the run.
        var mean = Mean.to(device, copy: true).DetachFromDisposeScope();
        var matrix = Matrix.to(device, copy: true).DetachFromDisposeScope();
        return new(images.to(device).DetachFromDisposeScope(), Whiten, labels, mean, matrix);

        Tensor Whiten(Tensor batch)
        {
            using var scope = NewDisposeScope();
            using var quiet = no_grad();
            var x = batch.flatten(1);
            var white = IsFew ? Whitening.OfFew(x, mean, matrix, Eps) : Whitening.Of(x, mean, matrix);
            return white.view(batch.shape).MoveToOuterDisposeScope();
        }
    }
}
