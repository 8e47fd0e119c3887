using static TorchSharp.torch;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Images of a split that are read from their file batch by batch: a split may be larger than memory, and what is read often stays in the
/// system's cache by itself.
/// </summary>
/// <param name="places">The file's images in the split's order.</param>
/// <param name="shape">Of one image, [C, H, W].</param>
internal sealed class StreamedImages(PixelFile file, long[] places, IReadOnlyList<long> shape, Device device)
{
    public Device Device => device;

    public long Count => places.Length;

    /// <summary>Index int64 [B] → uint8 [B, C, H, W] on the device.</summary>
    /// <exception cref="DatasetException">The file is shorter than it was.</exception>
    public Tensor Select(Tensor index)
    {
        long[] rows;
        using (var host = index.cpu()) rows = [.. host.data<long>().ToArray().Select(i => places[i])];
        using var pixels = from_array(file.Read(rows)).view([rows.Length, .. shape]);
        return pixels.to(device, copy: true);
    }

    public Tensor Narrow(long start, long length)
    {
        using var index = arange(start, start + length, ScalarType.Int64);
        return Select(index);
    }
}
