using ConvexWeb.Training.Kernels;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>
/// Runs a <see cref="Graph.Plan"/>: its tensors under the plan's names, its operations in the plan's order. [B, …input] → [B, …output].
/// </summary>
public sealed class PlanNetwork : nn.Module<Tensor, Tensor>
{
    private readonly NetworkStep[] steps;

    public PlanNetwork(Plan plan) : base(nameof(PlanNetwork))
    {
        Plan = plan;
        steps = NetworkStep.Compile(plan);
        var tree = new NameTree(this);
        foreach (var step in steps)
        {
            foreach (var (name, parameter) in step.ParameterNames.Zip(step.Stored)) tree.Parameter(name, parameter);
            foreach (var (name, buffer) in step.BufferNames.Zip(step.Running)) tree.Buffer(name, buffer);
        }
    }

    /// <summary>False runs plain operators only, the reference of the fused layers.</summary>
    internal bool Fused { get; set; } = true;

    /// <summary>The numbers in which training mode multiplies; eval mode always computes in the type of the weights.</summary>
    internal Precision Precision { get; set; } = Precision.Float32;

    public Plan Plan { get; }

    /// <summary>The trained tensors of a step as they act, in the plan's order.</summary>
    public IReadOnlyList<Tensor> TensorsOf(int step) => steps[step].Weights();

    /// <summary>Stores the weights as they act under the names that the plan has, for measures that change them.</summary>
    internal void StoreEffective()
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        foreach (var step in steps) step.StoreEffective();
    }

    /// <summary>One step without its bias, as a linear map of its input.</summary>
    internal Tensor LinearPart(int step, Tensor input)
        => Execution.Run(Plan.Steps[step].Operation, [input], [steps[step].Weights()[0]], steps[step].Running, Mode(training: false));

    /// <summary>The angles of annealed activations as they act, by the names of their steps.</summary>
    public IEnumerable<(string Name, Tensor Value)> Angles() => steps.Where(step => step.Operation is AngleOperation)
        .Select(step => (step.Operation.Name, Execution.Run(
            step.Operation, [], step.Weights(), step.Running, new(Training: false, Fused: false))));

    /// <summary>Sets the angles that are not trained.</summary>
    /// <param name="theta">From 0, ReLU, to π/4, the identity.</param>
    public void SetAngle(double theta)
    {
        using var quiet = no_grad();
        foreach (var step in steps)
            if (step.Operation is AngleOperation { IsTrained: false }) step.Running[0].fill_(theta);
    }

    public override Tensor forward(Tensor input) => Run(input, 0);

    /// <summary>From the features (the input of the step behind <see cref="Plan.Features"/>) to the logits.</summary>
    public Tensor ForwardFeatures(Tensor features) => Run(features, FeaturesAt + 1);

    /// <summary>From images to the features of a network with a convex head.</summary>
    public Tensor FeaturesOf(Tensor images) => Run(images, 0, until: FeaturesAt + 1);

    private int FeaturesAt
        => Plan.Features is { } features
            ? Plan.Steps.ToList().IndexOf(features)
            : throw new InvalidOperationException("This network has no features of its own: it starts from pixels.");

    /// <summary>Inner values by their places in the plan, from one pass over the steps that they need and no others.</summary>
    /// <param name="training">
    /// The mode of these steps, whatever the network's own: a part that is frozen runs in eval mode and keeps its running statistics.
    /// </param>
    internal Tensor[] ValuesAt(Tensor input, IReadOnlyList<int> places, bool training)
    {
        var needed = new bool[Plan.Steps.Count + 1];
        foreach (var place in places) needed[place] = true;
        for (var i = Plan.Steps.Count; i > 0; i--)
        {
            if (!needed[i]) continue;
            foreach (var before in Plan.Steps[i - 1].Operation.Inputs) needed[before] = true;
        }
        return Run(input, 0, places.Max(), places, needed, training);
    }

    private Tensor Run(Tensor input, int first, int? until = null)
    {
        var end = until ?? Plan.Steps.Count;
        return Run(input, first, end, [end], null, training)[0];
    }

    private ExecutionMode Mode(bool training) => new(training, Fused, training ? Precision : Precision.Float32);

    private Tensor[] Run(Tensor input, int first, int end, IReadOnlyList<int> wanted, bool[]? needed, bool training)
    {
        var mode = Mode(training);
        if (mode.Precision == Precision.Float32) return Run(input, first, end, wanted, needed, mode);
        Tensor[] results;
        using (new Autocast(input.device_type)) results = Run(input, first, end, wanted, needed, mode);
        // Losses and their sums are float32's.
        return [.. results.Select(result => result.to(input.dtype))];
    }

    // Value i + 1 is what step i gives; value 0 is the input.
    private Tensor[] Run(Tensor input, int first, int end, IReadOnlyList<int> wanted, bool[]? needed, ExecutionMode mode)
    {
        var values = new Tensor?[end + 1];
        values[first] = input;
        var next = first;
        for (var i = first; i < end; i = next)
        {
            next = i + 1;
            if (needed is not null && !needed[next]) continue;
            var step = steps[i];
            Tensor[] inputs = [.. step.Operation.Inputs.Select(n => values[n]!)];
            using (var scope = NewDisposeScope())
            {
                var weights = step.Weights();
                var result = Fused && step.Then is { } then && next < end && !wanted.Contains(next)
                    ? Execution.WithNext(step.Operation, then, inputs[0], weights, step.Running, mode)
                    : null;
                // The next step is done as well, and the value between the two never exists.
                if (result is not null) next++;
                else result = Execution.Run(
                    step.Operation, inputs, weights, step.Running, mode, Fused && step.MayOverwrite && !wanted.Contains(i));
                values[next] = Array.Exists(inputs, input => ReferenceEquals(input, result)) ? result : result.MoveToOuterDisposeScope();
            }
            // Autograd keeps what the backward pass needs; all other inner values would live to the step's end.
            for (var done = i; done < next; done++)
                foreach (var spent in steps[done].Spent)
                    if (!wanted.Contains(spent)) Release(values, spent, first);
        }
        return [.. wanted.Select(place => values[place]!)];
    }

    // Some operations return their input, as dropout does in eval mode: one tensor can be several values.
    private static void Release(Tensor?[] values, int place, int first)
    {
        var value = values[place];
        values[place] = null;
        if (value is null || place == first || Array.Exists(values, other => ReferenceEquals(other, value))) return;
        value.Dispose();
    }

    /// <summary>TorchSharp replaces the tensors of a module that moves to another device or type; the steps take the new ones.</summary>
    protected override void _toEpilog(ScalarType? dtype, Device? device, bool non_blocking)
    {
        base._toEpilog(dtype, device, non_blocking);
        var tensors = state_dict();
        foreach (var step in steps) step.Rebind(tensors);
    }

    /// <summary>Registers tensors under dotted names, in nested modules.</summary>
    private sealed class NameTree(nn.Module root)
    {
        private readonly Dictionary<string, nn.Module> folders = new() { [""] = root };

        public void Parameter(string name, Parameter value) => Folder(FolderOf(name)).register_parameter(LastOf(name), Kept(value));

        public void Buffer(string name, Tensor value) => Folder(FolderOf(name)).register_buffer(LastOf(name), Kept(value));

        // TorchSharp leaves a registered tensor in the scope around it, which would dispose it.
        private static T Kept<T>(T tensor) where T : Tensor
        {
            tensor.DetachFromDisposeScope();
            return tensor;
        }

        private nn.Module Folder(string path)
        {
            if (folders.TryGetValue(path, out var known)) return known;
            var folder = new Folder(path);
            Folder(FolderOf(path)).register_module(LastOf(path), folder);
            return folders[path] = folder;
        }

        private static string FolderOf(string name) => name.LastIndexOf('.') is >= 0 and var dot ? name[..dot] : "";

        private static string LastOf(string name) => name[(name.LastIndexOf('.') + 1)..];
    }

    private sealed class Folder(string name) : nn.Module(name);
}
