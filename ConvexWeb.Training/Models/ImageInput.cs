namespace ConvexWeb.Training.Models;

/// <summary>What a model must know of a data set: the shape of one image, and how many classes there are.</summary>
public sealed record ImageInput(int Channels, int Height, int Width, int Classes)
{
    /// <summary>[C, H, W].</summary>
    public IReadOnlyList<long> Shape => [Channels, Height, Width];
}
