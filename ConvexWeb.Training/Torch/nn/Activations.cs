using static TorchSharp.torch;

namespace TorchSharp.Modules
{
    /// <summary>A module that trains nothing.</summary>
    public abstract class ParameterLessModule<T1, TResult> : nn.Module<T1, TResult>
    {
        protected ParameterLessModule(string name) : base(name)
        {
        }
    }

    /// <summary>max(x, 0).</summary>
    public sealed class ReLU : ParameterLessModule<Tensor, Tensor>
    {
        internal ReLU() : base(nameof(ReLU))
        {
        }

        public override Tensor forward(Tensor tensor) => tensor.relu();
    }

    /// <summary>x where x &gt; 0, else alpha·(eˣ − 1).</summary>
    public sealed class ELU : ParameterLessModule<Tensor, Tensor>
    {
        internal ELU(double alpha) : base(nameof(ELU)) => this.alpha = alpha;

        public double alpha { get; set; }

        public override Tensor forward(Tensor tensor) => tensor.elu(alpha);
    }

    /// <summary>x where x &gt; 0, else slope·x.</summary>
    public sealed class LeakyReLU : ParameterLessModule<Tensor, Tensor>
    {
        internal LeakyReLU(double slope) : base(nameof(LeakyReLU)) => negative_slope = slope;

        public double negative_slope { get; set; }

        public override Tensor forward(Tensor tensor) => tensor.leaky_relu(negative_slope);
    }

    /// <summary>log(1 + eᵝˣ)/β.</summary>
    public sealed class Softplus : ParameterLessModule<Tensor, Tensor>
    {
        internal Softplus(double beta, double threshold) : base(nameof(Softplus))
        {
            this.beta = beta;
            this.threshold = threshold;
        }

        public double beta { get; set; }
        public double threshold { get; set; }

        public override Tensor forward(Tensor tensor) => nn.functional.softplus(tensor, beta, threshold);
    }

    public sealed class Identity : ParameterLessModule<Tensor, Tensor>
    {
        internal Identity() : base(nameof(Identity))
        {
        }

        public override Tensor forward(Tensor tensor) => tensor;
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Modules.ReLU ReLU(bool inplace = false) => new();
            public static Modules.ELU ELU(double alpha = 1, bool inplace = false) => new(alpha);
            public static Modules.LeakyReLU LeakyReLU(double negative_slope = 0.01, bool inplace = false) => new(negative_slope);
            public static Modules.Softplus Softplus(double beta = 1, double threshold = 20) => new(beta, threshold);
            public static Modules.Identity Identity() => new();
        }
    }
}
