using ConvexWeb.Training.Convexity;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>How a plan's tensors start, drawn from the current random generator in the plan's order, a weight before its bias.</summary>
internal static class InitialWeights
{
    public static IEnumerable<Parameter> Of(Plan plan, PlanStep step)
    {
        var weight = step.Tensors.FirstOrDefault(t => t.Role == TensorRole.Weight);
        // CycleMLP starts its Cycle FC as its Linear layers, though the weight has a convolution's shape (science.md S6.3).
        var linear = step.Operation is LinearOperation or TokenLinearOperation
            || step.Operation is Conv2dOperation && plan.OperationOf(step.Operation.Inputs[0]) is CycleShiftOperation;
        foreach (var tensor in step.Tensors)
        {
            var value = empty([.. tensor.Shape]);
            using (no_grad())
            {
                switch (tensor.Role)
                {
                    case TensorRole.Weight: Weight(value, tensor, plan.Initialisation, linear); break;
                    case TensorRole.Angle: value.fill_(AngleStart); break;
                    case TensorRole.Bias: Bias(value, weight!, plan.Initialisation, linear); break;
                    case TensorRole.NormScale: value.fill_(1); break;
                    case TensorRole.NormShift: value.zero_(); break;
                    // Branches of a sum start with equal shares; a lone scale with 1.
                    case TensorRole.Coefficient: value.fill_(tensor.Shape.Count == 2 ? 1.0 / tensor.Shape[0] : 1); break;
                }
                Convex(value, tensor, weight, plan);
            }
            yield return new Parameter(value);
        }
    }

    // θ = (π/4)·sigmoid(4) = 0.771, a slope of 0.972: almost linear.
    private const double AngleStart = 4;

    private static void Weight(Tensor value, PlannedTensor tensor, Initialisation kind, bool linear)
    {
        if (kind == Initialisation.StandardNormal && tensor.Shape.Count == 3) nn.init.normal_(value);
        // A filter for each place: PyTorch's functions would count the places in.
        else if (tensor.Shape.Count == 3) nn.init.uniform_(value, -1 / Math.Sqrt(tensor.FanIn), 1 / Math.Sqrt(tensor.FanIn));
        else if (kind == Initialisation.GlorotUniform) nn.init.xavier_uniform_(value);
        else if (kind == Initialisation.Pluskid && linear) nn.init.xavier_normal_(value);
        else if (kind == Initialisation.Pluskid) nn.init.kaiming_normal_(value, mode: nn.init.FanInOut.FanOut);
        else if (kind == Initialisation.SmallNormal && linear) nn.init.normal_(value, 0, 0.02);
        else if (kind == Initialisation.HeFanIn && !linear) nn.init.kaiming_normal_(value);
        else if (kind == Initialisation.HeFanOut && !linear) nn.init.kaiming_normal_(value, mode: nn.init.FanInOut.FanOut);
        else if (kind == Initialisation.HeFanOut) nn.init.uniform_(value, -1 / Math.Sqrt(value.shape[0]), 1 / Math.Sqrt(value.shape[0]));
        else nn.init.kaiming_uniform_(value, Math.Sqrt(5));
    }

    private static void Bias(Tensor value, PlannedTensor weight, Initialisation kind, bool linear)
    {
        var zero = kind switch
        {
            Initialisation.SmallNormal or Initialisation.HeFanIn => linear,
            Initialisation.HeFanOut or Initialisation.Pluskid or Initialisation.GlorotUniform => true,
            _ => false,
        };
        if (zero) value.zero_();
        else nn.init.uniform_(value, -1 / Math.Sqrt(weight.FanIn), 1 / Math.Sqrt(weight.FanIn));
    }

    // What a constraint asks of the start of covered layers.
    private static void Convex(Tensor value, PlannedTensor tensor, PlannedTensor? weight, Plan plan)
    {
        if (plan.Convexity is ConstraintOptions { Init: ConstrainedStart.LogNormal } && weight is { Covered: true })
        {
            var normal = LogNormalStart.Of(weight.FanIn);
            if (tensor.Role == TensorRole.Weight) value.copy_(value.normal_(normal.Mu, normal.Sigma).exp());
            else if (tensor.Role == TensorRole.Bias) value.fill_(normal.Bias);
        }
        if (!tensor.Covered) return;
        var start = (plan.Convexity as ConstraintOptions)?.Init;
        if (start is ConstrainedStart.Absolute or ConstrainedStart.AbsoluteTenth) value.copy_(value.abs());
        if (start == ConstrainedStart.AbsoluteTenth && tensor.Role == TensorRole.Weight) value.mul_(0.1);
        // softplus of what is stored is the weight: it starts at the same size, with its sign dropped.
        if (plan.Convexity is SoftplusReparamOptions)
        {
            var size = value.abs().clamp(min: 1e-6);
            value.copy_(size.exp().sub(1).log());
        }
    }
}
