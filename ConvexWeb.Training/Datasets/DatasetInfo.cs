namespace ConvexWeb.Training.Datasets;

/// <summary>What is known of a data set without reading it.</summary>
public sealed record DatasetInfo(int Channels, int Height, int Width, int Classes, int TrainImages, int TestImages)
{
    /// <summary>Values per image.</summary>
    public int Dimensions => Channels * Height * Width;

    public static DatasetInfo Of(DataOptions data) => data switch
    {
        Cifar10Options => new(3, 32, 32, 10, 50_000, 10_000),
        Cifar100Options => new(3, 32, 32, 100, 50_000, 10_000),
        MnistOptions or FashionMnistOptions => new(1, 28, 28, 10, 60_000, 10_000),
        GlyphsOptions glyphs => new(1, 28, 28, 10, glyphs.TrainSize, glyphs.TestSize),
        _ => throw new NotSupportedException(data.GetType().Name),
    };
}

/// <summary>How many images train, validate and test a run.</summary>
public sealed record SplitSize(int Train, int Validation, int Test)
{
    public static SplitSize Of(DataOptions data)
    {
        var info = DatasetInfo.Of(data);
        var all = Math.Min(data.TrainLimit ?? info.TrainImages, info.TrainImages);
        var validation = (int)Math.Round(all * data.Validation, MidpointRounding.AwayFromZero);
        return new(all - validation, validation, Math.Min(data.TestLimit ?? info.TestImages, info.TestImages));
    }
}
