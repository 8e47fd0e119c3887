using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Engine.Objectives;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>What a run trains: the network with its constraint, optimizer, objective and, where wanted, averaged weights.</summary>
internal sealed class Learner : IDisposable
{
    /// <summary>Builds everything from the seed, and leaves the random generator at the start of the stream for dropout.</summary>
    public Learner(Spec spec, TrainerSettings settings, TrainingData data, EventWriter events)
    {
        Generator.Default.manual_seed(RandomStreams.Init(settings.Seed));
        Network = ModelFactory.Build(spec);
        Network.Precision = spec.Training.Precision;
        TorchSharp.ModuleExtensionMethods.to(Network, settings.Device);
        Constraint = Constraint.Of(spec);
        Optimizer = new Optimizer(Network, spec.Optimizer, Constraint, settings.Fused);
        Objective = Objective.Of(spec, Network, data, (level, text) => events.Report(new MessageEvent(level, text)));
        using (NewDisposeScope())
            Initial = Network.named_parameters().ToDictionary(p => p.name, p => p.parameter.detach().clone().DetachFromDisposeScope());
        Penalty = new(spec.Regularization, Network, Constraint);
        if (spec.Training.RestoreBest) Best = new(Network);
        if (spec.Training.EmaDecay is { } decay) Average = new AveragedWeights(Network, Constraint, decay);
        Generator.Default.manual_seed(RandomStreams.Dropout(settings.Seed));
    }

    public PlanNetwork Network { get; }
    public Constraint Constraint { get; }
    public Optimizer Optimizer { get; }
    public Objective Objective { get; }
    public AveragedWeights? Average { get; }
    public Penalty Penalty { get; }

    /// <summary>The tensors of the best evaluation so far, where the run is to end with them.</summary>
    public BestWeights? Best { get; }

    /// <summary>The weights of the seed, by name. A resumed run measures from the same start.</summary>
    public IReadOnlyDictionary<string, Tensor> Initial { get; }

    /// <summary>What the last state holds besides weights and optimizer; the tensors themselves.</summary>
    public IEnumerable<(string Name, Tensor Value)> FurtherState
        => [.. Average?.State() ?? [], .. Best?.State() ?? [], .. Objective.State()];

    public void Dispose()
    {
        Average?.Dispose();
        Best?.Dispose();
        Objective.Dispose();
        foreach (var tensor in Initial.Values) tensor.Dispose();
        Optimizer.Dispose();
        Network.Dispose();
    }
}
