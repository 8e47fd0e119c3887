using static TorchSharp.torch;

namespace TorchSharp.Modules
{
    /// <summary>[*, in] → [*, out]: y = x·Wᵀ + b. Default initialisation as PyTorch's: U(±1/√in) for both.</summary>
    public sealed class Linear : nn.Module<Tensor, Tensor>
    {
        internal Linear(long inputSize, long outputSize, bool hasBias, Device? device, ScalarType? dtype) : base(nameof(Linear))
        {
            in_features = inputSize;
            out_features = outputSize;
            weight = new Parameter(empty([outputSize, inputSize], dtype, device));
            register_parameter(nameof(weight), weight);
            nn.init.kaiming_uniform_(weight, Math.Sqrt(5));
            if (!hasBias) return;
            bias = new Parameter(empty([outputSize], dtype, device));
            register_parameter(nameof(bias), bias);
            nn.init.uniform_(bias, -1 / Math.Sqrt(inputSize), 1 / Math.Sqrt(inputSize));
        }

        public long in_features { get; set; }
        public long out_features { get; set; }
        public Parameter weight { get; set; }
        public Parameter? bias { get; set; }

        public override Tensor forward(Tensor tensor) => nn.functional.linear(tensor, weight, bias);
    }

    /// <summary>Base of convolutions; PyTorch's default initialisation.</summary>
    public abstract class Convolution : nn.Module<Tensor, Tensor>
    {
        internal Convolution(string name, long inChannels, long outChannels, long[] kernel, long[] stride, long[] padding, long[] dilation, long groups, bool hasBias, Device? device, ScalarType? dtype)
            : base(name)
        {
            in_channels = inChannels;
            out_channels = outChannels;
            kernel_size = kernel;
            this.stride = stride;
            this.padding = padding;
            this.dilation = dilation;
            this.groups = groups;
            weight = new Parameter(empty([outChannels, inChannels / groups, .. kernel], dtype, device));
            register_parameter(nameof(weight), weight);
            nn.init.kaiming_uniform_(weight, Math.Sqrt(5));
            if (!hasBias) return;
            bias = new Parameter(empty([outChannels], dtype, device));
            register_parameter(nameof(bias), bias);
            var fanIn = inChannels / groups * kernel.Aggregate(1L, (a, b) => a * b);
            nn.init.uniform_(bias, -1 / Math.Sqrt(fanIn), 1 / Math.Sqrt(fanIn));
        }

        public long in_channels { get; }
        public long out_channels { get; }
        public long[] kernel_size { get; set; }
        public long[] stride { get; set; }
        public long[] padding { get; }
        public long[] dilation { get; set; }
        public long groups { get; set; }
        public Parameter weight { get; set; }
        public Parameter? bias { get; set; }
    }

    /// <summary>[B, C, H, W] → [B, out, H', W'].</summary>
    public sealed class Conv2d : Convolution
    {
        internal Conv2d(long inChannels, long outChannels, long[] kernel, long[] stride, long[] padding, long[] dilation, long groups, bool hasBias, Device? device, ScalarType? dtype)
            : base(nameof(Conv2d), inChannels, outChannels, kernel, stride, padding, dilation, groups, hasBias, device, dtype)
        {
        }

        public override Tensor forward(Tensor input) => nn.functional.conv2d(input, weight, bias, stride, padding, dilation, groups);
    }

    /// <summary>Base of batch normalisation: scale, shift and running statistics.</summary>
    public abstract class NormBase : nn.Module<Tensor, Tensor>
    {
        internal NormBase(string name, long numFeatures, double eps, double? momentum, bool affine, bool trackRunningStats, Device? device, ScalarType? dtype) : base(name)
        {
            num_features = numFeatures;
            this.eps = eps;
            this.momentum = momentum;
            this.affine = affine;
            track_running_stats = trackRunningStats;
            if (affine)
            {
                weight = new Parameter(ones([numFeatures], dtype, device));
                bias = new Parameter(zeros([numFeatures], dtype, device));
                register_parameter(nameof(weight), weight);
                register_parameter(nameof(bias), bias);
            }
            if (!trackRunningStats) return;
            running_mean = zeros([numFeatures], dtype, device);
            running_var = ones([numFeatures], dtype, device);
            num_batches_tracked = zeros([], ScalarType.Int64, device);
            register_buffer(nameof(running_mean), running_mean);
            register_buffer(nameof(running_var), running_var);
            register_buffer(nameof(num_batches_tracked), num_batches_tracked);
        }

        public long num_features { get; }
        public double eps { get; set; }
        public double? momentum { get; set; }
        public bool affine { get; }
        public bool track_running_stats { get; }
        public Parameter? weight { get; set; }
        public Parameter? bias { get; set; }
        public Tensor? running_mean { get; set; }
        public Tensor? running_var { get; set; }
        public Tensor? num_batches_tracked { get; set; }

        protected abstract void ValidateInputDimensions(Tensor input);
    }

    /// <summary>Normalises with the batch's statistics while training, with the running ones in eval mode.</summary>
    public abstract class BatchNorm : NormBase
    {
        private protected BatchNorm(string name, long numFeatures, double eps, double momentum, bool affine, bool trackRunningStats, Device? device, ScalarType? dtype)
            : base(name, numFeatures, eps, momentum, affine, trackRunningStats, device, dtype)
        {
        }

        public override Tensor forward(Tensor input)
        {
            ValidateInputDimensions(input);
            if (training && num_batches_tracked is { } count)
            {
                using var quiet = no_grad();
                count.add_(1);
            }
            return nn.functional.batch_norm(input, running_mean!, running_var!, weight, bias, training || !track_running_stats, momentum ?? 0.1, eps);
        }
    }

    /// <summary>[B, C] or [B, C, L], normalised over all but C.</summary>
    public sealed class BatchNorm1d : BatchNorm
    {
        internal BatchNorm1d(long numFeatures, double eps, double momentum, bool affine, bool trackRunningStats, Device? device, ScalarType? dtype)
            : base(nameof(BatchNorm1d), numFeatures, eps, momentum, affine, trackRunningStats, device, dtype)
        {
        }

        protected override void ValidateInputDimensions(Tensor input)
        {
            if (input.ndim is not (2 or 3)) throw new ArgumentException($"BatchNorm1d takes a 2-D or 3-D tensor; got {input}.", nameof(input));
        }
    }

    /// <summary>[B, C, H, W], normalised over all but C.</summary>
    public sealed class BatchNorm2d : BatchNorm
    {
        internal BatchNorm2d(long numFeatures, double eps, double momentum, bool affine, bool trackRunningStats, Device? device, ScalarType? dtype)
            : base(nameof(BatchNorm2d), numFeatures, eps, momentum, affine, trackRunningStats, device, dtype)
        {
        }

        protected override void ValidateInputDimensions(Tensor input)
        {
            if (input.ndim != 4) throw new ArgumentException($"BatchNorm2d takes a 4-D tensor; got {input}.", nameof(input));
        }
    }

    /// <summary>Runs its modules in order; their names are their positions, or those given.</summary>
    public sealed class Sequential : nn.Module<Tensor, Tensor>
    {
        private readonly List<nn.Module<Tensor, Tensor>> steps = [];

        internal Sequential((string name, nn.Module<Tensor, Tensor> module)[] modules) : base(nameof(Sequential))
        {
            foreach (var (name, module) in modules)
            {
                register_module(name, module);
                steps.Add(module);
            }
        }

        public int Count => steps.Count;

        public override Tensor forward(Tensor tensor)
        {
            // Without a surrounding scope, inner results are freed by the finalizer: training code always has one.
            foreach (var step in steps) tensor = step.forward(tensor);
            return tensor;
        }
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Modules.Linear Linear(long inputSize, long outputSize, bool hasBias = true, Device? device = null, ScalarType? dtype = null)
                => new(inputSize, outputSize, hasBias, device, dtype);

            public static Modules.Conv2d Conv2d(
                long in_channels, long out_channels, long kernel_size, long stride = 1, long padding = 0, long dilation = 1,
                PaddingModes padding_mode = PaddingModes.Zeros, long groups = 1, bool bias = true, Device? device = null, ScalarType? dtype = null)
            {
                if (padding_mode != PaddingModes.Zeros) throw new NotSupportedException("Only zero padding is bound.");
                return new(in_channels, out_channels, [kernel_size, kernel_size], [stride, stride], [padding, padding], [dilation, dilation], groups, bias, device, dtype);
            }

            public static Modules.BatchNorm1d BatchNorm1d(
                long num_features, double eps = 1e-05, double momentum = 0.1, bool affine = true, bool track_running_stats = true, Device? device = null, ScalarType? dtype = null)
                => new(num_features, eps, momentum, affine, track_running_stats, device, dtype);

            public static Modules.BatchNorm2d BatchNorm2d(
                long num_features, double eps = 1e-05, double momentum = 0.1, bool affine = true, bool track_running_stats = true, Device? device = null, ScalarType? dtype = null)
                => new(num_features, eps, momentum, affine, track_running_stats, device, dtype);

            public static Modules.Sequential Sequential(params Module<Tensor, Tensor>[] modules)
                => new([.. modules.Select((m, i) => (i.ToString(System.Globalization.CultureInfo.InvariantCulture), m))]);

            public static Modules.Sequential Sequential(params (string, Module<Tensor, Tensor>)[] modules) => new(modules);
        }
    }
}
