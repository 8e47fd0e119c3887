namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>Layers as functions.</summary>
        public static class functional
        {
            public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null) => Dispatch.Tensor("aten::linear", input, weights, bias);

            public static Tensor conv2d(Tensor input, Tensor weight, Tensor? bias = null, long[]? strides = null, long[]? padding = null, long[]? dilation = null, long groups = 1)
                => Dispatch.Tensor("aten::conv2d", input, weight, bias, strides ?? [1, 1], padding ?? [0, 0], dilation ?? [1, 1], groups);

            public static Tensor batch_norm(
                Tensor input, Tensor running_mean, Tensor running_var, Tensor? weight = null, Tensor? bias = null, bool training = false, double momentum = 0.1, double eps = 1e-05)
                => Dispatch.Tensor("aten::batch_norm", input, weight, bias, running_mean, running_var, training, momentum, eps, false);

            public static Tensor layer_norm(Tensor input, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null, double eps = 1e-05)
                => Dispatch.Tensor("aten::layer_norm", input, normalized_shape, weight, bias, eps, true);

            public static Tensor gelu(Tensor x) => Dispatch.Tensor("aten::gelu", x, "none");
            public static Tensor silu(Tensor x, bool inplace = false) => Dispatch.Tensor("aten::silu", x);
            public static Tensor relu(Tensor x, bool inplace = false) => inplace ? Dispatch.InPlace("aten::relu_", x) : x.relu();
            public static Tensor elu(Tensor x, double alpha, bool inplace = false) => inplace ? Dispatch.InPlace("aten::elu_", x, alpha) : x.elu(alpha);
            public static Tensor leaky_relu(Tensor input, double negative_slope = 0.01, bool inplace = false) => input.leaky_relu(negative_slope);
            public static Tensor softplus(Tensor x, double beta = 1, double threshold = 20) => Dispatch.Tensor("aten::softplus", x, beta, threshold);
            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false) => Dispatch.Tensor("aten::dropout", input, p, training);
            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);
            public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);

            public static Tensor max_pool2d(Tensor input, long[] kernel_size, long[]? strides = null, long[]? padding = null, long[]? dilation = null, bool ceil_mode = false)
                => Dispatch.Tensor("aten::max_pool2d", input, kernel_size, strides ?? kernel_size, padding ?? [0, 0], dilation ?? [1, 1], ceil_mode);

            public static Tensor avg_pool2d(
                Tensor input, long[] kernel_size, long[]? stride = null, long[]? padding = null, bool ceil_mode = false, bool count_include_pad = true, long? divisor_override = null)
                => Dispatch.Tensor("aten::avg_pool2d", input, kernel_size, stride ?? kernel_size, padding ?? [0, 0], ceil_mode, count_include_pad, divisor_override);

            public static Tensor adaptive_avg_pool2d(Tensor input, long[] output_size) => Dispatch.Tensor("aten::adaptive_avg_pool2d", input, output_size);

            public static Tensor pad(Tensor input, long[] pad, PaddingModes mode = PaddingModes.Constant, double value = 0)
                => mode is PaddingModes.Constant or PaddingModes.Zeros
                    ? Dispatch.Tensor("aten::constant_pad_nd", input, pad, value)
                    : throw new NotSupportedException($"Padding mode {mode} is not bound.");

            public static Tensor affine_grid(Tensor theta, long[]? size = null, bool align_corners = false)
                => Dispatch.Tensor("aten::affine_grid_generator", theta, size, align_corners);

            // libtorch's own numbers of the modes differ from TorchSharp's.
            public static Tensor grid_sample(
                Tensor input, Tensor grid, GridSampleMode mode = GridSampleMode.Bilinear, GridSamplePaddingMode padding_mode = GridSamplePaddingMode.Zeros, bool? align_corners = null)
                => Dispatch.Tensor(
                    "aten::grid_sampler", input, grid,
                    mode == GridSampleMode.Bilinear ? 0 : 1,
                    padding_mode switch { GridSamplePaddingMode.Zeros => 0, GridSamplePaddingMode.Border => 1, _ => 2 },
                    align_corners ?? false);

            public static Tensor one_hot(Tensor x, long num_classes = -1) => Dispatch.Tensor("aten::one_hot", x, num_classes);

            public static Tensor cross_entropy(
                Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100, Reduction reduction = Reduction.Mean, double label_smoothing = 0)
                => Dispatch.Tensor("aten::cross_entropy_loss", input, target, weight, (long)reduction, ignore_index, label_smoothing);
        }
    }
}
