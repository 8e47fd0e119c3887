using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine.Certification;

/// <summary>The structural part of a certificate: walks the plan with the weights as they are.</summary>
internal static class Structure
{
    public static StructuralProof Prove(PlanNetwork network)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var plan = network.Plan;
        var standings = new Standing[plan.Steps.Count + 1];
        var root = new Folder("");
        var broken = new List<string>();
        double? smallest = null;
        for (var i = 0; i < plan.Steps.Count; i++)
        {
            var step = plan.Steps[i];
            var tensors = network.TensorsOf(i);
            double? least = null;
            for (var t = 0; t < tensors.Count; t++)
            {
                var value = step.Tensors[t].Multiplies || step.Tensors[t].Covered
                    ? tensors[t].min().to(ScalarType.Float64).item<double>()
                    : (double?)null;
                if (step.Tensors[t].Covered) smallest = Least(smallest, value);
                if (step.Tensors[t].Multiplies) least = Least(least, value);
            }
            var inputs = step.Operation.Inputs.Select(n => standings[n]).ToList();
            var (standing, because) = ConvexityRules.Judge(step.Operation, inputs, least is null or >= 0);
            standings[i + 1] = standing;
            // A free network before features is not part of the proof; all that follows is.
            var ends = because is not null && step.Operation is not FeaturesOperation
                && (inputs.Max() != Standing.Unknown || step.Operation is EnsembleOperation);
            if (ends) broken.Add(step.Operation.Name);
            root.Put(step.Operation.Name, new ProofNode
            {
                Name = Last(step.Operation.Name),
                Kind = step.Operation.Kind,
                Standing = standing,
                Because = because ?? Reason(inputs.Max(), standing, least),
                Breaks = ends,
                Children = [],
            });
        }
        var from = plan.Features is { } features ? plan.Steps.ToList().IndexOf(features) : 0;
        var inScope = broken.Where(name => plan.Steps.ToList().FindIndex(s => s.Operation.Name == name) >= from).ToList();
        return new StructuralProof
        {
            Proved = standings[^1] != Standing.Unknown,
            SmallestCovered = smallest,
            Broken = inScope,
            Tree = root.Nodes(),
        };
    }

    private static double? Least(double? a, double? b) => a is null || b < a ? b : a;

    private static string Last(string name) => name[(name.LastIndexOf('.') + 1)..];

    private static string? Reason(Standing before, Standing after, double? least) => (before, after, least) switch
    {
        (Standing.Unknown, Standing.Unknown, _) => "convexity has ended before",
        (Standing.Affine, Standing.Affine, not null) => "affine in the input: its weights may have any sign",
        (Standing.Convex, Standing.Convex, { } value) => $"its weights are non-negative; the smallest is {value:0.###e+0}",
        (_, Standing.Convex, null) => "keeps convexity",
        _ => null,
    };

    private sealed class Folder(string name)
    {
        private readonly List<(string Name, Folder? Folder, ProofNode? Leaf)> parts = [];

        public void Put(string path, ProofNode leaf)
        {
            var dot = path.IndexOf('.');
            if (dot < 0)
            {
                parts.Add((path, null, leaf));
                return;
            }
            var folder = parts.LastOrDefault(p => p.Name == path[..dot] && p.Folder is not null).Folder;
            if (folder is null) parts.Add((path[..dot], folder = new Folder(path[..dot]), null));
            folder.Put(path[(dot + 1)..], leaf);
        }

        public List<ProofNode> Nodes() => [.. parts.Select(p => p.Leaf ?? p.Folder!.Node())];

        private ProofNode Node()
        {
            var nodes = Nodes();
            return new ProofNode { Name = name, Standing = nodes[^1].Standing, Breaks = nodes.Any(n => n.Breaks), Children = nodes };
        }
    }
}
