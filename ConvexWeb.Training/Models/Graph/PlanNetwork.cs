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
    private readonly ActivationOperation?[] fusedWith;
    private readonly bool[] inPlace;

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
        var uses = plan.Steps.SelectMany(s => s.Operation.Inputs).CountBy(input => input).ToDictionary();
        // Whether step i is an activation that alone reads what the step before it gives.
        bool Follows(int i) => i > 0 && i < plan.Steps.Count && plan.Steps[i].Operation is ActivationOperation a && a.Input == i && uses[i] == 1;
        inPlace = [.. plan.Steps.Select((_, i) => Follows(i) && GivesItsOwn(plan.Steps[i - 1]))];
        fusedWith = [.. plan.Steps.Select((step, i) => step.Operation is BatchNormOperation or Conv2dOperation && Follows(i + 1) ? (ActivationOperation)plan.Steps[i + 1].Operation : null)];
    }

    /// <summary>False runs plain operators only, the reference of the fused layers.</summary>
    internal bool Fused { get; set; } = true;

    public Plan Plan { get; }

    /// <summary>The trained tensors of a step as they act, in the plan's order.</summary>
    public IReadOnlyList<Tensor> TensorsOf(int step) => Weights(step);

    /// <summary>One step without its bias, as a linear map of its input.</summary>
    internal Tensor LinearPart(int step, Tensor input) => Execution.Run(Plan.Steps[step].Operation, [input], [Weights(step)[0]], running[step], training: false, Fused);

    public override Tensor forward(Tensor input) => Run(input, 0);

    /// <summary>From the features (the input of the step behind <see cref="Plan.Features"/>) to the logits.</summary>
    public Tensor ForwardFeatures(Tensor features) => Run(features, FeaturesAt + 1);

    /// <summary>From images to the features of a network with a convex head.</summary>
    public Tensor FeaturesOf(Tensor images) => Run(images, 0, until: FeaturesAt + 1);

    private int FeaturesAt
        => Plan.Features is { } features ? Plan.Steps.ToList().IndexOf(features) : throw new InvalidOperationException("This network has no features of its own: it starts from pixels.");

    /// <summary>Inner values by their places in the plan, from one pass over the steps that they need and no others.</summary>
    /// <param name="training">The mode of these steps, whatever the network's own: a part that is frozen runs in eval mode and keeps its running statistics.</param>
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

    private Tensor[] Run(Tensor input, int first, int end, IReadOnlyList<int> wanted, bool[]? needed, bool training)
    {
        var values = new Tensor?[end + 1];
        values[first] = input;
        var release = !is_grad_enabled();
        for (var i = first; i < end; i++)
        {
            if (needed is not null && !needed[i + 1]) continue;
            var step = Plan.Steps[i];
            var begun = i;
            if (Fused && i + 1 < end && fusedWith[i] is { } activation && !wanted.Contains(i + 1)
                && Execution.WithActivation(step.Operation, activation, values[step.Operation.Inputs[0]]!, Weights(i), running[i], training) is { } both)
                values[++i + 1] = both;
            else
                values[i + 1] = Execution.Run(step.Operation, [.. step.Operation.Inputs.Select(n => values[n]!)], Weights(i), running[i], training, Fused, Fused && inPlace[i]);
            if (!release) continue;
            // Without a graph nothing else holds on to inner values: a wide network's evaluation would keep all of them to the end.
            foreach (var spent in lastUses[begun..(i + 1)].SelectMany(places => places))
            {
                if (wanted.Contains(spent)) continue;
                if (spent > first && !ReferenceEquals(values[spent], values[i + 1])) values[spent]?.Dispose();
                values[spent] = null;
            }
        }
        return [.. wanted.Select(place => values[place]!)];
    }

    // A convolution, a product and a sum do not need their result for their gradients. Where it is a view, writing over it would cost more than it saves.
    private static bool GivesItsOwn(PlanStep step) => step.Operation switch
    {
        Conv2dOperation c => c.Kernel != c.Stride || c.Padding > 0 || c.Kernel == 1,
        LinearOperation => step.Output.Shape.Count < 3,
        TokenLinearOperation or BatchNormOperation or AddOperation => true,
        _ => false,
    };

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
