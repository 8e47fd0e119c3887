namespace ConvexWeb.Training.Events;

/// <summary>Some filters of the first layer after an epoch, small enough to be shown: one byte a value.</summary>
/// <param name="Epoch">0 is the start, before the first step.</param>
/// <param name="Layer">Name of the weight.</param>
/// <param name="Units">Units of the whole layer, of which <paramref name="Filters"/> are some.</param>
/// <param name="NonZeros">Of the whole weight; <paramref name="Count"/> are all its values.</param>
/// <param name="Locality">Mean over all units with a value: 1 is chance, less is local; null where none has one.</param>
public sealed record FilterSnapshot(
    int Epoch, string Layer, int Channels, int Height, int Width, int Units, long NonZeros, long Count, double? Locality,
    IReadOnlyList<Filter> Filters);

/// <summary>One filter.</summary>
/// <param name="Unit">Its place in the layer.</param>
/// <param name="Largest">Largest absolute value.</param>
/// <param name="Values">
/// Base64 of signed bytes [C, H, W], row-major: value · 127 / largest, rounded. Every value that is exactly 0 is 0, and another that rounds
/// to 0 is too: <paramref name="NonZeros"/> counts the values themselves.
/// </param>
public sealed record Filter(int Unit, double Largest, long NonZeros, string Values);
