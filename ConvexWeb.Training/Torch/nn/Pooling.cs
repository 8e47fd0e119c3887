using static TorchSharp.torch;

namespace TorchSharp.Modules
{
    public sealed class MaxPool2d : ParameterLessModule<Tensor, Tensor>
    {
        internal MaxPool2d(long kernel, long? stride, long? padding) : base(nameof(MaxPool2d))
        {
            kernel_size = [kernel, kernel];
            this.stride = [stride ?? kernel, stride ?? kernel];
            this.padding = [padding ?? 0, padding ?? 0];
        }

        public long[] kernel_size { get; set; }
        public long[] stride { get; set; }
        public long[] padding { get; set; }

        public override Tensor forward(Tensor input) => nn.functional.max_pool2d(input, kernel_size, stride, padding);
    }

    public sealed class AvgPool2d : ParameterLessModule<Tensor, Tensor>
    {
        internal AvgPool2d(long kernel, long? stride, long? padding) : base(nameof(AvgPool2d))
        {
            kernel_size = [kernel, kernel];
            this.stride = [stride ?? kernel, stride ?? kernel];
            this.padding = [padding ?? 0, padding ?? 0];
        }

        public long[] kernel_size { get; set; }
        public long[] stride { get; set; }
        public long[] padding { get; set; }

        public override Tensor forward(Tensor input) => nn.functional.avg_pool2d(input, kernel_size, stride, padding);
    }

    public sealed class AdaptiveAvgPool2d : ParameterLessModule<Tensor, Tensor>
    {
        internal AdaptiveAvgPool2d(long[] size) : base(nameof(AdaptiveAvgPool2d)) => output_size = size;

        public long[] output_size { get; set; }

        public override Tensor forward(Tensor input) => nn.functional.adaptive_avg_pool2d(input, output_size);
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Modules.MaxPool2d MaxPool2d(long kernel_size, long? stride = null, long? padding = null, long? dilation = null, bool ceil_mode = false)
                => dilation is null or 1 && !ceil_mode ? new(kernel_size, stride, padding) : throw new NotSupportedException("Dilation and ceil_mode are not bound.");

            public static Modules.AvgPool2d AvgPool2d(
                long kernel_size, long? stride = null, long? padding = null, bool ceil_mode = false, bool count_include_pad = true, long? divisor_override = null)
                => !ceil_mode && count_include_pad && divisor_override is null ? new(kernel_size, stride, padding) : throw new NotSupportedException("ceil_mode, count_include_pad and divisor_override are not bound.");

            public static Modules.AdaptiveAvgPool2d AdaptiveAvgPool2d(long output_size) => new([output_size, output_size]);
        }
    }
}
