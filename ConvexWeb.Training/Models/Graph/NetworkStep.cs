using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace ConvexWeb.Training.Models.Graph;

/// <summary>A step of a plan, made ready to run: its tensors, and what the steps around it allow. Compiled once for each network.</summary>
internal sealed class NetworkStep
{
    private bool[] softplus;

    private NetworkStep(Plan plan, PlanStep step)
    {
        Operation = step.Operation;
        Stored = [.. InitialWeights.Of(plan, step)];
        ParameterNames = [.. step.Tensors.Select(t => t.Name)];
        softplus = [.. step.Tensors.Select(t => t.Covered && plan.Convexity is Convexity.SoftplusReparamOptions)];
        if (step.Operation is AngleOperation { IsTrained: false } angle)
        {
            Running = [zeros([1])];
            BufferNames = [angle.Name + ".angle"];
        }
        if (step.Operation is not BatchNormOperation norm) return;
        Running = [zeros([step.Output.Channels]), ones([step.Output.Channels]), zeros([], ScalarType.Int64)];
        BufferNames = [norm.Name + ".running_mean", norm.Name + ".running_var", norm.Name + ".num_batches_tracked"];
    }

    public Operation Operation { get; }

    /// <summary>The trained tensors as they are stored, in the plan's order, and their names.</summary>
    public Parameter[] Stored { get; private set; }

    public string[] ParameterNames { get; }

    /// <summary>Running mean, variance and count of a batch normalisation, or an angle that is set from outside; else empty.</summary>
    public Tensor[] Running { get; private set; } = [];

    public string[] BufferNames { get; } = [];

    /// <summary>
    /// The activation that directly follows a convolution or normalisation, or the max pool that follows a convolution, and alone reads
    /// its result: one kernel can do both.
    /// </summary>
    public Operation? Then { get; private set; }

    /// <summary>
    /// Whether an activation may write over its input:
    /// no other step reads it, and the step that made it does not need it for its gradient.
    /// </summary>
    public bool MayOverwrite { get; private set; }

    /// <summary>Places of the values that no later step reads.</summary>
    public int[] Spent { get; private set; } = [];

    /// <summary>The trained tensors as they act: a reparametrised one is softplus of what is stored.</summary>
    public Tensor[] Weights()
        => Array.Exists(softplus, s => s) ? [.. Stored.Select((tensor, i) => softplus[i] ? F.softplus(tensor) : tensor)] : Stored;

    /// <summary>Stores the weights as they act; from then on nothing is a softplus of what is stored.</summary>
    public void StoreEffective()
    {
        foreach (var (stored, acting) in Stored.Zip(Weights())) stored.copy_(acting);
        softplus = new bool[softplus.Length];
    }

    /// <summary>Takes the tensors of these names in place of its own.</summary>
    public void Rebind(IReadOnlyDictionary<string, Tensor> tensors)
    {
        Stored = [.. ParameterNames.Select(name => (Parameter)tensors[name])];
        Running = [.. BufferNames.Select(name => tensors[name])];
    }

    public static NetworkStep[] Compile(Plan plan)
    {
        // The tensors that initial weights are computed from go at once.
        using var scope = NewDisposeScope();
        NetworkStep[] steps = [.. plan.Steps.Select(step => new NetworkStep(plan, step))];
        foreach (var tensor in steps.SelectMany(step => step.Stored.Concat(step.Running))) tensor.DetachFromDisposeScope();
        var uses = plan.Steps.SelectMany(s => s.Operation.Inputs).CountBy(input => input).ToDictionary();
        for (var i = 1; i < steps.Length; i++)
        {
            if (steps[i].Operation is MaxPoolOperation pool && pool.Inputs[0] == i && uses[i] == 1
                && steps[i - 1].Operation is Conv2dOperation)
                steps[i - 1].Then = pool;
            if (steps[i].Operation is not ActivationOperation activation || activation.Input != i || uses[i] != 1) continue;
            steps[i].MayOverwrite = OwnsResult(plan.Steps[i - 1]);
            if (steps[i - 1].Operation is BatchNormOperation or Conv2dOperation) steps[i - 1].Then = activation;
        }
        var last = new Dictionary<int, int>();
        for (var i = 0; i < steps.Length; i++)
            foreach (var input in steps[i].Operation.Inputs) last[input] = i;
        foreach (var group in last.GroupBy(l => l.Value, l => l.Key)) steps[group.Key].Spent = [.. group];
        return steps;
    }

    // A convolution, a product and a sum do not need their result for their gradients.
    // Where it is a view, writing over it would cost more than it saves.
    private static bool OwnsResult(PlanStep step) => step.Operation switch
    {
        Conv2dOperation c => c.Kernel != c.Stride || c.Padding > 0 || c.Kernel == 1,
        LinearOperation => step.Output.Shape.Count < 3,
        TokenLinearOperation or BatchNormOperation or AddOperation => true,
        _ => false,
    };
}
