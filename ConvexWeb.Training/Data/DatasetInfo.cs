using ConvexWeb.Training.Models;

namespace ConvexWeb.Training.Data;

/// <summary>What is known of a data set without reading it.</summary>
public sealed record DatasetInfo(int Channels, int Height, int Width, int Classes, int TrainImages, int TestImages)
{
    /// <summary>Values per image.</summary>
    public int Dimensions => Channels * Height * Width;

    /// <summary>What a model must know of it.</summary>
    public ImageInput Input => new(Channels, Height, Width, Classes);

    /// <summary>
    /// As the network sees it: the images' size after <see cref="DataOptions.Crop"/> and <see cref="DataOptions.Resize"/>.
    /// </summary>
    public static DatasetInfo Of(DataOptions data)
        => data.Resize is { } side ? Stored(data) with { Height = side, Width = side } : Cropped(data);

    /// <summary>Behind the crop, before they are resized: what corruption and whitening work on.</summary>
    public static DatasetInfo Cropped(DataOptions data)
        => data.Crop is { } side ? Stored(data) with { Height = side, Width = side } : Stored(data);

    /// <summary>As it is read and kept: the images' size in files and memory, which is what readers work on.</summary>
    public static DatasetInfo Stored(DataOptions data) => data.Positive is null ? data.Info : data.Info with { Classes = 2 };
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
