using static TorchSharp.torch;

namespace ConvexWeb.Training.Augmentations;

/// <summary>
/// What a spec asks to be done to the images of a batch, one after the other in timm's order: crop and flip, RandAugment, colour jitter;
/// and, on the normalised images, erasing. All at the size that images are stored in, or behind a random resized crop at its size.
/// The random numbers come from the seed and the step alone.
/// </summary>
/// <param name="fill">Per channel, what RandAugment puts where an image was moved away from:
/// the value in 0..1 that normalisation makes 0.</param>
/// <param name="resized">What a random resized crop brings its boxes to; null without one.</param>
/// <param name="side">The side of the square that a random crop keeps; null without one.</param>
internal sealed class ImageAugmentation(
    AugmentationOptions options, ulong seed, IReadOnlyList<float> fill, ResizedCrop? resized = null, int? side = null)
{
    private readonly float[] fillLevels = [.. fill.Select(value => MathF.Round(Math.Clamp(255 * value, 0, 255)))];

    /// <summary>
    /// Images float32 [B, C, H, W] in 0..1,
    /// not normalised (whitened ones only where nothing recolours) → the same shape, or that of the crop.
    /// </summary>
    public Tensor Apply(Tensor images, ulong step)
    {
        if (!options.Moves && resized is null && !options.Recolours) return images;
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var count = (int)images.shape[0];
        var result = images;
        if (resized is not null)
        {
            var (height, width) = ((int)images.shape[2], (int)images.shape[3]);
            result = resized.Apply(result, Each(count, i => CropBox.Draw(
                Draws.Stream(seed, Draws.Box, step, i), options.ResizedCrop!.Value, height, width)));
        }
        if (options.Moves)
        {
            var slack = side is { } kept ? (int)result.shape[2] - kept : 0;
            result = FlipAndCrop.Apply(result, options.PadCrop, Each(count, i => Cut.Draw(options, seed, step, i, slack)), side);
        }
        if (options.Recolours) result = Recoloured(result, step);
        return result.MoveToOuterDisposeScope();
    }

    private Tensor Recoloured(Tensor images, ulong step)
    {
        var count = (int)images.shape[0];
        var levels = images.mul(255).round();
        if (options.RandAugment > 0)
        {
            var drawn = Each(count, i => RandAugment.Draw(
                Draws.Stream(seed, Draws.RandAugment, step, i), options.RandAugment, options.RandAugmentStd));
            for (var round = 0; round < drawn[0].Length; round++) RandAugment.Apply(levels, Each(count, i => drawn[i][round]), fillLevels);
        }
        if (options.ColourJitter > 0)
        {
            var drawn = Each(count, i => ColourJitter.Draw(Draws.Stream(seed, Draws.ColourJitter, step, i), options.ColourJitter));
            for (var round = 0; round < ColourJitter.Rounds; round++)
                levels = Enhancements.Apply(levels, Each(count, i => drawn[i][round]));
        }
        return levels.div(255);
    }

    /// <summary>Normalised images float32 [B, C, H, W] → the same shape, with noise in the erased boxes.</summary>
    public Tensor Erase(Tensor images, ulong step)
    {
        if (options.RandomErasing == 0) return images;
        var shape = images.shape;
        var boxes = Each((int)shape[0], i => RandomErasing.Draw(
            Draws.Stream(seed, Draws.Erasing, step, i), options.RandomErasing, (int)shape[2], (int)shape[3]));
        if (boxes.All(box => box is null)) return images;
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        return RandomErasing.Apply(images, boxes, i => Draws.Key(seed, Draws.Noise, step, i)).MoveToOuterDisposeScope();
    }

    private static T[] Each<T>(int count, Func<int, T> make) => [.. Enumerable.Range(0, count).Select(make)];
}
