using static TorchSharp.torch;

namespace ConvexWeb.Training.Augmentations;

/// <summary>
/// How a batch is mixed: the share that each image keeps of itself,
/// and the box that is replaced, or none where all pixels are blended.
/// </summary>
internal readonly record struct Mix(double Share, Box? Box)
{
    public static Mix None => new(1, null);
}

/// <summary>
/// Mixup (Zhang et al. 2018, arXiv 1710.09412) and CutMix (Yun et al. 2019, arXiv 1905.04899) as timm's mode "batch": one share for the
/// whole batch, and the batch in reverse order as the partner. The middle image of an odd batch is its own partner.
/// </summary>
internal sealed class BatchMixing(AugmentationOptions options, ulong seed, int classes)
{
    public Mix Draw(ulong step, int height, int width)
    {
        var stream = Draws.Stream(seed, Draws.Mixing, step, 0);
        var (mixes, cuts) = (stream.NextUnit() < options.MixProbability, stream.NextUnit() < 0.5);
        if (!mixes || !options.Mixes) return Mix.None;
        cuts = options.Cutmix > 0 && (options.Mixup == 0 || cuts);
        var share = stream.NextBeta(cuts ? options.Cutmix : options.Mixup);
        if (!cuts) return new(share, null);
        // A box of the share that goes, around any pixel; what lies outside the image is cut off, and the share follows what is left.
        var side = Math.Sqrt(1 - share);
        var (tall, wide) = ((int)(height * side), (int)(width * side));
        var (y, x) = (stream.NextIndex(height), stream.NextIndex(width));
        var (top, bottom) = (Math.Max(0, y - tall / 2), Math.Min(height, y + tall / 2));
        var (left, right) = (Math.Max(0, x - wide / 2), Math.Min(width, x + wide / 2));
        var box = new Box(top, left, bottom - top, right - left);
        return box.Area == 0 ? Mix.None : new(1 - (double)box.Area / (height * width), box);
    }

    /// <summary>
    /// Images float32 [B, C, H, W] and labels int64 [B] → mixed images,
    /// soft targets float32 [B, K] that sum to 1, and labels of the larger share [B].
    /// Smoothing is left to the loss: (1 − s)·target + s/K is the same before mixing and after.
    /// </summary>
    public (Tensor Images, Tensor Targets, Tensor Labels) Apply(Tensor images, Tensor labels, ulong step)
    {
        var shape = images.shape;
        return Apply(images, labels, Draw(step, (int)shape[2], (int)shape[3]));
    }

    internal (Tensor Images, Tensor Targets, Tensor Labels) Apply(Tensor images, Tensor labels, Mix mix)
    {
        var targets = nn.functional.one_hot(labels, classes).to(ScalarType.Float32);
        if (mix.Share == 1) return (images, targets, labels);
        var mixed = mix.Box is { } box ? Pasted(images, box) : images * mix.Share + images.flip(0) * (1 - mix.Share);
        return (mixed, targets * mix.Share + targets.flip(0) * (1 - mix.Share), mix.Share >= 0.5 ? labels : labels.flip(0));
    }

    private static Tensor Pasted(Tensor images, Box box)
    {
        Tensor Part(Tensor of) => of.narrow(2, box.Top, box.Height).narrow(3, box.Left, box.Width);
        var result = images.clone();
        Part(result).copy_(Part(images).flip(0));
        return result;
    }
}
