using ConvexWeb.Training.Models.Graph.Fused;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>What each operation computes. A batch stands before every shape of the plan: [C, H, W] is [B, C, H, W] here.</summary>
internal static class Execution
{
    /// <param name="x">The operation's inputs.</param>
    /// <param name="w">Its trained tensors, in the plan's order.</param>
    /// <param name="buffers">Running mean, variance and count of a BatchNorm.</param>
    /// <param name="inPlace">Whether an activation may write over its input, which nobody else reads.</param>
    public static Tensor Run(
        Operation operation, Tensor[] x, Tensor[] w, Tensor[] buffers, ExecutionMode mode, bool inPlace = false) => operation switch
        {
            Conv2dOperation c when HasFilter(mode) && FusedConvolution.Apply(c, ActivationFunction.Identity, x[0], w) is { } y => y,
            Conv2dOperation c when HasFilter(mode) && FusedSmallConvolution.Apply(c, null, x[0], w) is { } y => y,
            Conv2dOperation c => Convolution.Run(c, x[0], w, mode.Precision),
            LocalOperation l when mode is { Fused: true, Precision: Precision.Float32 } && FusedLocal.Apply(l, x[0], w[0]) is { } y => y,
            LocalOperation l => Local(l, x[0], w[0]),
            LinearOperation => Linear(x[0], w[0], w.Length > 1 ? w[1] : null),
            TokenLinearOperation => F.linear(x[0].transpose(1, 2), w[0], w.Length > 1 ? w[1] : null).transpose(1, 2),
            BatchNormOperation b when mode is { Fused: true, Training: true }
                && FusedNorm.Apply(b, ActivationFunction.Identity, x[0], ScaleAndShift(b, w, buffers), buffers) is { } y => y,
            BatchNormOperation b => BatchNorm(b, x[0], ScaleAndShift(b, w, buffers), buffers, mode.Training),
            LocalResponseNormOperation n => LocalResponseNorm(n, x[0]),
            PadOperation p => F.pad(x[0], new long[] { 0, p.By, 0, p.By }),
            AngleOperation { IsTrained: true } => w[0].sigmoid() * (Math.PI / 4),
            AngleOperation => buffers[0].clone(),
            SlopeOperation => Slope(x[0], x[1]),
            LayerNormOperation n => LayerNorm(x[0], w, n.Eps),
            ActivationOperation a => Activation(x[0], a.Function, inPlace),
            DropoutOperation or DropPathOperation when !mode.Training => x[0],
            DropoutOperation d when mode.Fused && FusedDropout.Apply(x[0], d.P) is { } y => y,
            DropoutOperation d => F.dropout(x[0], d.P, training: true),
            DropPathOperation d => DropPath(x[0], d.P),
            MaxPoolOperation m => F.max_pool2d(x[0], [m.Kernel, m.Kernel], [m.Stride, m.Stride], [m.Padding, m.Padding], ceil_mode: m.Ceil),
            AvgPoolOperation a => F.avg_pool2d(x[0], [a.Kernel, a.Kernel]),
            GlobalMeanOperation g => x[0].ndim == 4 ? x[0].mean([2, 3], g.KeepPlaces) : x[0].mean([1]),
            FlattenOperation => x[0].flatten(1),
            TokensOperation => x[0].flatten(2).transpose(1, 2),
            ChannelsLastOperation => x[0].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
            ConcatOperation => cat(x, 1),
            AddOperation => x[0] + x[1],
            GateOperation => x[0] * x[1],
            SoftmaxMixOperation => SoftmaxMix(x[0], x[1..]),
            MixOperation => Sum([.. x.Select((branch, i) => branch * w[0].select(0, i).view(-1, 1, 1))]),
            ScaleOperation => x[0] * w[0].view(-1, 1, 1),
            CycleShiftOperation s => mode.Fused && FusedShift.Apply(x[0], s.AlongRow) is { } y ? y : CycleShift(x[0], s.AlongRow ? 3 : 2),
            FeaturesOperation => x[0],
            MixtureOperation m => Mixtures.LogProbabilities(
                Mixtures.LogShares(m.Gate is null ? null : x[0], x[^1].shape[0]), Mixtures.BinaryLogProbabilities(Experts(m, x))),
            SelectionOperation s => Mixtures.Selected(x[0], Experts(s, x)),
            _ => throw new NotSupportedException(operation.GetType().Name),
        };

    // [B, …, in] as it stands; [B, in, H, W] through a view with the channels last, which costs nothing where they lie so in memory.
    private static Tensor Linear(Tensor x, Tensor weight, Tensor? bias)
        => x.ndim == 4 ? F.linear(x.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2) : F.linear(x, weight, bias);

    private static Tensor BatchNorm(BatchNormOperation operation, Tensor x, Tensor[] w, Tensor[] buffers, bool training)
    {
        if (training) Count(buffers);
        // Tokens [B, S, C]: every token of the batch is one sample of its channels.
        var flat = x.ndim == 3 ? x.reshape(-1, x.shape[2]) : x;
        var y = F.batch_norm(flat, buffers[0], buffers[1], w[0], w[1], training, operation.Momentum, operation.Eps);
        return x.ndim == 3 ? y.view(x.shape) : y;
    }

    // What is not trained is a constant, of the running statistics' type: the values themselves may be in bfloat16.
    private static Tensor[] ScaleAndShift(BatchNormOperation operation, Tensor[] w, Tensor[] buffers)
    {
        if (operation is { HasScale: true, HasShift: true }) return w;
        return [operation.HasScale ? w[0] : ones_like(buffers[0]), operation.HasShift ? w[^1] : zeros_like(buffers[0])];
    }

    /// <summary>
    /// The plain way of a locally connected layer: what lies under each place copied out, and a batch of products, one a place.
    /// </summary>
    /// <param name="weight">[P, O, C·k·k].</param>
    internal static Tensor Local(LocalOperation l, Tensor x, Tensor weight)
    {
        var (height, width) = (SizeOf(x.shape[2]), SizeOf(x.shape[3]));
        // [B, C·k·k, P] → [P, B, C·k·k]; filters [P, C·k·k, O].
        var values = F.unfold(x, l.Kernel, padding: l.Padding, stride: l.Stride).permute(2, 0, 1);
        return values.bmm(weight.transpose(1, 2)).permute(1, 2, 0).reshape(x.shape[0], l.Out, height, width);

        long SizeOf(long side) => (side + 2 * l.Padding - l.Kernel) / l.Stride + 1;
    }

    // The sums over neighbouring channels are a product with a band matrix.
    private static Tensor LocalResponseNorm(LocalResponseNormOperation n, Tensor x)
    {
        var channels = (int)x.shape[1];
        var band = new float[channels, channels];
        var before = (int)n.Size / 2;
        for (var c = 0; c < channels; c++)
            for (var k = Math.Max(0, c - before); k < Math.Min(channels, c - before + n.Size); k++) band[c, k] = 1;
        var sums = F.linear(x.square().permute(0, 2, 3, 1), from_array(band).to(x.dtype, x.device)).permute(0, 3, 1, 2);
        return x / (sums * (n.Alpha / n.Size) + n.K).pow(n.Beta);
    }

    // The branch at 0 is the slope's, as ReLU's is 0 there: a literal maximum would split the gradient. One slope for all values is a
    // leaky ReLU, in one pass; on a device, reading it would wait for all that comes before.
    // In float32 π/4 is a little more than π/4: a slope above 1 would bend the function the other way.
    private static Tensor Slope(Tensor x, Tensor angle)
        => angle is { requires_grad: false, device_type: TorchSharp.DeviceType.CPU } && angle.numel() == 1
            ? x.leaky_relu(Math.Min(1, Math.Tan(angle.to(ScalarType.Float64).item<double>())))
            : where(x.gt(0), x, x * angle.tan().clamp_max(1));

    // Batches seen, as PyTorch counts them.
    private static void Count(Tensor[] buffers)
    {
        using var quiet = no_grad();
        buffers[2].add_(1);
    }

    /// <summary>An operation and the activation or pool behind it in one pass where there is one; null otherwise.</summary>
    public static Tensor? WithNext(
        Operation operation, Operation next, Tensor x, Tensor[] w, Tensor[] buffers, ExecutionMode mode) => (operation, next) switch
        {
            (Conv2dOperation c, ActivationOperation a) when HasFilter(mode) => FusedConvolution.Apply(c, a.Function, x, w),
            (Conv2dOperation c, MaxPoolOperation m) when HasFilter(mode) => FusedSmallConvolution.Apply(c, m, x, w),
            (BatchNormOperation b, ActivationOperation a) when mode.Training
                => FusedNorm.Apply(b, a.Function, x, ScaleAndShift(b, w, buffers), buffers),
            _ => null,
        };

    // These kernels compute in the type of their operands, which autocast does not convert for them.
    private static bool HasFilter(ExecutionMode mode) => mode is { Fused: true, Precision: Precision.Float32 };

    private static Tensor LayerNorm(Tensor x, Tensor[] w, double eps)
        => x.ndim == 4
            ? F.layer_norm(x.permute(0, 2, 3, 1), [x.shape[1]], w[0], w[1], eps).permute(0, 3, 1, 2)
            : F.layer_norm(x, [x.shape[^1]], w[0], w[1], eps);

    private static Tensor Activation(Tensor x, ActivationFunction function, bool inPlace) => function switch
    {
        ActivationFunction.Relu => F.relu(x, inPlace),
        ActivationFunction.Elu => F.elu(x, 1, inPlace),
        ActivationFunction.LeakyRelu => x.leaky_relu(0.01),
        ActivationFunction.Softplus => F.softplus(x),
        ActivationFunction.Identity => x,
        ActivationFunction.Gelu => F.gelu(x),
        ActivationFunction.Silu => F.silu(x),
        ActivationFunction.Sigmoid => x.sigmoid(),
        _ => throw new NotSupportedException(function.ToString()),
    };

    private static Tensor DropPath(Tensor x, double p)
    {
        var shape = new long[x.ndim];
        Array.Fill(shape, 1);
        shape[0] = x.shape[0];
        // In float32 whatever x is: another type would draw other numbers.
        var kept = empty(shape, ScalarType.Float32, x.device).bernoulli_(1 - p).to(x.dtype);
        return x * kept / (1 - p);
    }

    // [B, C·N] → (C, N) → shares over N; branch k gets its column.
    private static Tensor SoftmaxMix(Tensor logits, Tensor[] branches)
    {
        var shares = logits.view(logits.shape[0], -1, branches.Length).softmax(2);
        return Sum([.. branches.Select((branch, k) => branch * shares.select(2, k).unsqueeze(-1).unsqueeze(-1))]);
    }

    // [B, E, …]
    private static Tensor Experts(EnsembleOperation operation, Tensor[] x) => stack(x[^operation.Experts.Count..], 1);

    private static Tensor Sum(Tensor[] terms) => terms.Aggregate((a, b) => a + b);

    // Three channels take turns: from their own place, from the next, from the one before; zeros come in at the border.
    internal static Tensor CycleShift(Tensor x, long dim)
    {
        var (channels, size) = (x.shape[1], x.shape[dim]);
        var border = zeros_like(x.narrow(dim, 0, 1));
        var next = cat([x.narrow(dim, 1, size - 1), border], dim);
        var before = cat([border, x.narrow(dim, 0, size - 1)], dim);
        var turn = Turns(channels, x);
        return x * turn[0] + next * turn[1] + before * turn[2];
    }

    private static Tensor[] Turns(long channels, Tensor like)
    {
        return [.. Enumerable.Range(0, 3).Select(k => from_array(Turn(k)).to(like.dtype, like.device).view(-1, 1, 1))];

        float[] Turn(int k) => [.. Enumerable.Range(0, (int)channels).Select(c => c % 3 == k ? 1f : 0f)];
    }
}
