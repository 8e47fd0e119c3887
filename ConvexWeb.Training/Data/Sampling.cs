namespace ConvexWeb.Training.Data;

/// <summary>Which training images an epoch shows.</summary>
public enum SamplerKind
{
    /// <summary>Each once, in a new order.</summary>
    Full,

    /// <summary>Each once, in every epoch in the data set's own order.</summary>
    InOrder,

    /// <summary>Repeated augmentation as one process of the source's code runs it: always the same third of the images.</summary>
    RaSingleProcess,

    /// <summary>Repeated augmentation with a new order, and so another third, in every epoch.</summary>
    RaReshuffled,
}

/// <summary>
/// The order of an epoch. Repeated augmentation (RASampler of DeiT and CycleMLP; science.md S6.5) takes a permutation, each image three
/// times in a row, and stops at the largest multiple of 256 up to the number of images: of 50,000 images 49,920 places, 16,640 images.
/// The source asks for a new permutation only where several processes train.
/// </summary>
public static class Sampling
{
    private const int Repeats = 3;

    /// <summary>The source cuts an epoch at a multiple of this, so fewer images give none.</summary>
    public const int Block = 256;

    public static long ImagesPerEpoch(SamplerKind sampler, long images)
        => sampler is SamplerKind.Full or SamplerKind.InOrder ? images : images / Block * Block;

    /// <summary>Which images an epoch shows, in a sentence; null for each once in a new order.</summary>
    public static string? Told(SamplerKind sampler, long images)
    {
        var places = ImagesPerEpoch(sampler, images);
        return sampler switch
        {
            SamplerKind.InOrder => "Every epoch shows the images in the data set's own order.",
            SamplerKind.RaSingleProcess =>
                $"Every epoch shows the same {Distinct(places):N0} images, {Repeats} times each; the others are never seen.",
            SamplerKind.RaReshuffled => $"An epoch shows {Distinct(places):N0} images, {Repeats} times each, and each epoch others.",
            _ => null,
        };
    }

    private static long Distinct(long places) => (places + Repeats - 1) / Repeats;

    /// <param name="permutation">The permutation of all images for an epoch.</param>
    public static long[] Order(SamplerKind sampler, int epoch, int images, Func<int, int[]> permutation)
    {
        if (sampler == SamplerKind.InOrder) return [.. Enumerable.Range(0, images).Select(place => (long)place)];
        if (sampler == SamplerKind.Full) return [.. permutation(epoch).Select(place => (long)place)];
        var places = permutation(sampler == SamplerKind.RaSingleProcess ? 0 : epoch);
        var order = new long[ImagesPerEpoch(sampler, images)];
        for (var i = 0; i < order.Length; i++) order[i] = places[i / Repeats];
        return order;
    }
}
