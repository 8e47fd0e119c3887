using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>The filters of a network's first layer as images: what each of its units looks at.</summary>
internal static class FirstLayer
{
    /// <summary>
    /// The first weight's name, the weight, and its filters float32 [units, C, h, w], a view where there can be one: of a dense layer on
    /// whole images [C, H, W], of a convolution its kernels, of a locally connected one its first channel's filters, each in its place on
    /// black.
    /// Null for a network that begins otherwise.
    /// </summary>
    public static (string Name, Tensor Weight, Tensor Filters)? Of(PlanNetwork network)
    {
        var plan = network.Plan;
        for (var i = 0; i < plan.Steps.Count; i++)
        {
            if (plan.Steps[i].Tensors.All(t => t.Role != TensorRole.Weight)) continue;
            var image = plan.Input.Shape;
            var weight = network.TensorsOf(i)[0].detach();
            var name = plan.Steps[i].Tensors[0].Name;
            return plan.Steps[i].Operation switch
            {
                LinearOperation l when l.In == plan.Input.Size => (name, weight, weight.view([l.Out, .. image])),
                Conv2dOperation => (name, weight, weight),
                LocalOperation l => (name, weight, Placed(l, weight, image)),
                _ => null,
            };
        }
        return null;
    }

    // [P, O, C·k·k] → [P, C, H, W]; what would lie beyond the edge has no gradient and is not shown.
    private static Tensor Placed(LocalOperation l, Tensor weight, IReadOnlyList<long> image)
    {
        var (height, width, pad) = (image[1], image[2], l.Padding);
        var across = (width + 2 * pad - l.Kernel) / l.Stride + 1;
        var canvas = zeros([weight.shape[0], image[0], height + 2 * pad, width + 2 * pad], weight.dtype, weight.device);
        for (var p = 0L; p < weight.shape[0]; p++)
            canvas.select(0, p).narrow(1, p / across * l.Stride, l.Kernel).narrow(2, p % across * l.Stride, l.Kernel)
                .copy_(weight.select(0, p).select(0, 0).view(l.In, l.Kernel, l.Kernel));
        return canvas.narrow(2, pad, height).narrow(3, pad, width);
    }
}
