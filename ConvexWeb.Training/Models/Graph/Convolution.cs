using ConvexWeb.Training.Models.Graph.Fused;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>
/// Convolutions by plain operators. On the CPU, images lie with their channels last from the first convolution on, and a 1 × 1 convolution
/// is a product over pixels. Both are faster, and both avoid code of oneDNN 3.7.1 (in libtorch 2.10) that is wrong on some processors: on
/// an AMD EPYC of family 26 its planar convolutions with a last, incomplete vector of input channels, and its channels-last 1 × 1
/// convolutions with one of output channels, were off by a tenth and wrote beyond their memory. <see cref="ConvolutionCheck"/> looks at
/// what remains before it is used.
/// </summary>
internal static class Convolution
{
    /// <param name="x">[B, C, H, W].</param>
    /// <param name="w">Weight [K, C / groups, k, k] and, where there is one, bias [K].</param>
    public static Tensor Run(Conv2dOperation c, Tensor x, Tensor[] w, Precision precision = Precision.Float32)
    {
        var bias = w.Length > 1 ? w[1] : null;
        if (c is { Kernel: > 1, Padding: 0, Groups: 1 } && c.Kernel == c.Stride) return Patches(c, x, w[0], bias);
        if (x.device_type != DeviceType.CPU) return F.conv2d(x, w[0], bias, [c.Stride, c.Stride], [c.Padding, c.Padding], groups: c.Groups);
        if (c is { Kernel: 1, Padding: 0, Groups: 1 }) return Pointwise(c.Stride == 1 ? x : EveryNth(x, c.Stride), w[0], bias);
        if (x.dtype == ScalarType.Float64 && c.Groups == c.In && c.Out == c.In) return Depthwise(c, x, w[0], bias);
        var isRight = x.dtype == ScalarType.Float64 || ConvolutionCheck.IsRight(c, x.shape[2], x.shape[3], precision);
        return isRight ? Library(c, x, w[0], bias) : Products(c, x, w[0], bias);
    }

    /// <summary>libtorch's own convolution, with the channels last in memory.</summary>
    public static Tensor Library(Conv2dOperation c, Tensor x, Tensor weight, Tensor? bias)
        => F.conv2d(MemoryLayout.ChannelsLast(x), weight, bias, [c.Stride, c.Stride], [c.Padding, c.Padding], groups: c.Groups);

    /// <summary>Each output is a product of a filter with the values under it, which are copied out for that.</summary>
    public static Tensor Products(Conv2dOperation c, Tensor x, Tensor weight, Tensor? bias)
    {
        var (batch, height, width) = (x.shape[0], SizeOf(x.shape[2]), SizeOf(x.shape[3]));
        // [B, C·k·k, places] → [G, B·places, C/G·k·k]; filters [G, C/G·k·k, K/G].
        var values = F.unfold(x, c.Kernel, padding: c.Padding, stride: c.Stride)
            .view(batch, c.Groups, -1, height * width).permute(1, 0, 3, 2).reshape(c.Groups, batch * height * width, -1);
        var filters = weight.view(c.Groups, c.Out / c.Groups, -1).transpose(1, 2);
        var result = values.bmm(filters)
            .view(c.Groups, batch, height, width, c.Out / c.Groups).permute(1, 0, 4, 2, 3).reshape(batch, c.Out, height, width);
        return bias is null ? result : result + bias.view(-1, 1, 1);

        long SizeOf(long side) => (side + 2 * c.Padding - c.Kernel) / c.Stride + 1;
    }

    /// <summary>
    /// One filter a channel, as a sum over its places of shifted images: libtorch has no fast way in float64, in which certificates
    /// compute, and takes channel by channel.
    /// </summary>
    internal static Tensor Depthwise(Conv2dOperation c, Tensor x, Tensor weight, Tensor? bias)
    {
        var (height, width) = (SizeOf(x.shape[2]), SizeOf(x.shape[3]));
        var padded = c.Padding == 0 ? x : F.pad(x, new[] { c.Padding, c.Padding, c.Padding, c.Padding });
        Tensor? sum = null;
        for (var u = 0L; u < c.Kernel; u++)
            for (var v = 0L; v < c.Kernel; v++)
            {
                var under = padded.slice(2, u, u + (height - 1) * c.Stride + 1, c.Stride)
                    .slice(3, v, v + (width - 1) * c.Stride + 1, c.Stride);
                var term = under * weight.select(3, v).select(2, u).view(1, -1, 1, 1);
                sum = sum is null ? term : sum + term;
            }
        return bias is null ? sum! : sum! + bias.view(-1, 1, 1);

        long SizeOf(long side) => (side + 2 * c.Padding - c.Kernel) / c.Stride + 1;
    }

    // A product over the channels of every pixel; a view where the channels lie last.
    private static Tensor Pointwise(Tensor x, Tensor weight, Tensor? bias)
        => F.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2);

    private static Tensor EveryNth(Tensor x, long n) => x.slice(2, 0, x.shape[2], n).slice(3, 0, x.shape[3], n);

    // Patches that do not overlap are rows of a matrix: one product instead of a convolution with few channels. The result has its channels
    // last in memory.
    private static Tensor Patches(Conv2dOperation c, Tensor x, Tensor weight, Tensor? bias)
    {
        var (batch, height, width) = (x.shape[0], x.shape[2] / c.Kernel, x.shape[3] / c.Kernel);
        var isWhole = x.shape[2] % c.Kernel == 0 && x.shape[3] % c.Kernel == 0;
        if (!isWhole) x = x.narrow(2, 0, height * c.Kernel).narrow(3, 0, width * c.Kernel);
        var rows = x.reshape(batch, c.In, height, c.Kernel, width, c.Kernel)
            .permute(0, 2, 4, 1, 3, 5).reshape(batch, height, width, c.In * c.Kernel * c.Kernel);
        return F.linear(rows, weight.flatten(1), bias).permute(0, 3, 1, 2);
    }
}
