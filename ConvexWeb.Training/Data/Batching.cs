namespace ConvexWeb.Training.Data;

/// <summary>How an epoch's images are cut into batches.</summary>
public static class Batching
{
    /// <summary>
    /// The last batch is short; a last batch of a single image is left out,
    /// since batch normalisation has no variance of one.
    /// </summary>
    /// <param name="dropLast">Leaves any short last batch out.</param>
    public static long StepsPerEpoch(long images, int batch, bool dropLast = false)
        => images / batch + (images % batch > 1 && !dropLast ? 1 : 0);
}
