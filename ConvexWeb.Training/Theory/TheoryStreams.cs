namespace ConvexWeb.Training.Theory;

/// <summary>
/// Streams of the keyed generator (science.md C): a number is a function of seed, stream and index. Labels of the sample take the stream of
/// the label corruption <c>random</c>, so that both draw the same labels.
/// </summary>
internal static class TheoryStreams
{
    public const ulong Labels = 2;
    public const ulong Points = 31;
    public const ulong FreshPoints = 32;
    public const ulong FreshLabels = 33;
    public const ulong Direction = 34;
    public const ulong LabelOrder = 35;
    public const ulong Inputs = 36;
    public const ulong Teacher = 37;
    public const ulong Noise = 38;
    public const ulong Weights = 39;
    public const ulong LanczosStart = 40;
}
