using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>Runs a <see cref="Graph.Plan"/>: its tensors under the plan's names, its operations in the plan's order. [B, …input] → [B, …output].</summary>
public sealed class PlanNetwork : nn.Module<Tensor, Tensor>
{
    private readonly Parameter[][] stored;
    private readonly Tensor[][] running;
    private readonly int[][] lastUses;

    public PlanNetwork(Plan plan) : base(nameof(PlanNetwork))
    {
        Plan = plan;
        var tree = new NameTree(this);
        stored = new Parameter[plan.Steps.Count][];
        running = new Tensor[plan.Steps.Count][];
        for (var i = 0; i < plan.Steps.Count; i++)
        {
            var step = plan.Steps[i];
            stored[i] = [.. InitialWeights.Of(plan, step)];
            for (var t = 0; t < stored[i].Length; t++) tree.Parameter(step.Tensors[t].Name, stored[i][t]);
            running[i] = [];
            if (step.Operation is not BatchNormOperation norm) continue;
            var channels = step.Output.Channels;
            running[i] = [zeros([channels]), ones([channels]), zeros([], ScalarType.Int64)];
            tree.Buffer(norm.Name + ".running_mean", running[i][0]);
            tree.Buffer(norm.Name + ".running_var", running[i][1]);
            tree.Buffer(norm.Name + ".num_batches_tracked", running[i][2]);
        }
        lastUses = LastUses(plan);
    }

    public Plan Plan { get; }

    /// <summary>The trained tensors of a step as they act, in the plan's order.</summary>
    public IReadOnlyList<Tensor> TensorsOf(int step) => Weights(step);

    /// <summary>One step without its bias, as a linear map of its input.</summary>
    internal Tensor LinearPart(int step, Tensor input) => Execution.Run(Plan.Steps[step].Operation, [input], [Weights(step)[0]], running[step], training: false);

    public override Tensor forward(Tensor input) => Run(input, 0);

    /// <summary>From the features (the input of the step behind <see cref="Plan.Features"/>) to the logits.</summary>
    public Tensor ForwardFeatures(Tensor features) => Run(features, FeaturesAt + 1);

    /// <summary>From images to the features of a network with a convex head.</summary>
    public Tensor FeaturesOf(Tensor images) => Run(images, 0, until: FeaturesAt + 1);

    private int FeaturesAt
        => Plan.Features is { } features ? Plan.Steps.ToList().IndexOf(features) : throw new InvalidOperationException("This network has no features of its own: it starts from pixels.");

    private Tensor Run(Tensor input, int first, int? until = null)
    {
        var end = until ?? Plan.Steps.Count;
        var values = new Tensor?[end + 1];
        values[first] = input;
        var release = !is_grad_enabled();
        for (var i = first; i < end; i++)
        {
            var step = Plan.Steps[i];
            values[i + 1] = Execution.Run(step.Operation, [.. step.Operation.Inputs.Select(n => values[n]!)], Weights(i), running[i], training);
            if (!release) continue;
            // Without a graph nothing else holds on to inner values: a wide network's evaluation would keep all of them to the end.
            foreach (var spent in lastUses[i])
            {
                if (spent > first && spent < end && !ReferenceEquals(values[spent], values[i + 1])) values[spent]!.Dispose();
                values[spent] = null;
            }
        }
        return values[end]!;
    }

    // What is stored is the weight, unless it is reparametrised: then softplus of it is.
    private Tensor[] Weights(int step)
        => Plan.Convexity is Convexity.SoftplusReparamOptions && Plan.Steps[step].Tensors.Any(t => t.Covered)
            ? [.. Plan.Steps[step].Tensors.Select((t, i) => t.Covered ? F.softplus(stored[step][i]) : stored[step][i])]
            : stored[step];

    // For each step, the values that no later step reads.
    private static int[][] LastUses(Plan plan)
    {
        var last = new Dictionary<int, int>();
        for (var i = 0; i < plan.Steps.Count; i++)
            foreach (var input in plan.Steps[i].Operation.Inputs) last[input] = i;
        return [.. Enumerable.Range(0, plan.Steps.Count).Select(i => last.Where(l => l.Value == i).Select(l => l.Key).ToArray())];
    }

    /// <summary>Registers tensors under dotted names, in nested modules.</summary>
    private sealed class NameTree(nn.Module root)
    {
        private readonly Dictionary<string, nn.Module> folders = new() { [""] = root };

        public void Parameter(string name, Parameter value) => Folder(FolderOf(name)).register_parameter(LastOf(name), value);

        public void Buffer(string name, Tensor value) => Folder(FolderOf(name)).register_buffer(LastOf(name), value);

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
