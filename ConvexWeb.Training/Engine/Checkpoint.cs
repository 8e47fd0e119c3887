using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Optimizers;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// A run's state as one safetensors file. Network tensors have their PyTorch <c>state_dict</c> names; optimizer state is
/// <c>optimizer/exp_avg/fc1.weight</c>, the random generator <c>generator/cpu</c>; the metadata holds spec, seed and progress as JSON.
/// </summary>
public static class Checkpoint
{
    private const string GeneratorName = "generator/cpu";

    /// <param name="more">Further state under names of its own, such as averaged weights.</param>
    public static void Save(
        string path, Spec spec, ulong seed, nn.Module network, Optimizer? optimizer, Progress progress,
        IEnumerable<(string, Tensor)>? more = null)
    {
        using var scope = NewDisposeScope();
        IEnumerable<(string, Tensor)> tensors = network.state_dict().Select(t => (t.Key, t.Value));
        if (optimizer is not null) tensors = [.. tensors, .. optimizer.State(), (GeneratorName, GeneratorState.Read())];
        SafeTensors.Save(path, tensors.Concat(more ?? []), new Dictionary<string, string>
        {
            ["format"] = "pt",
            ["spec"] = SpecWriter.ToJson(spec).ToJsonString(),
            ["seed"] = seed.ToString(),
            ["progress"] = JsonSerializer.Serialize(progress, EventJsonForm.Options),
        });
    }

    /// <summary>What keeps a checkpoint from being gone on from with this spec and seed, in a sentence; null when nothing does.</summary>
    /// <exception cref="SafeTensorsException">The file is damaged.</exception>
    public static string? Refusal(string path, Spec spec, ulong seed) => Refusal(path, SafeTensors.LoadMetadata(path).Metadata, spec, seed);

    private static string? Refusal(string path, IReadOnlyDictionary<string, string> metadata, Spec spec, ulong seed)
        => IsOf(metadata, spec) && metadata.GetValueOrDefault("seed") == seed.ToString() ? null
            : $"{Path.GetFileName(path)} belongs to another spec or seed; start in an empty folder, or without --resume.";

    /// <summary>Puts a checkpoint's state into a freshly built network and optimizer, and into the random generator.</summary>
    /// <exception cref="SafeTensorsException">The file is damaged, or belongs to another spec or seed.</exception>
    public static Progress Restore(
        string path, Spec spec, ulong seed, nn.Module network, Optimizer optimizer, IEnumerable<(string, Tensor)>? more = null)
    {
        using var scope = NewDisposeScope();
        var metadata = SafeTensors.LoadMetadata(path).Metadata;
        if (Refusal(path, metadata, spec, seed) is { } refusal) throw new SafeTensorsException(refusal);
        var state = network.state_dict().Select(t => (t.Key, t.Value)).Concat(optimizer.State()).Concat(more ?? []).ToList();
        var wanted = state.ToDictionary(t => t.Item1, t => (long[]?)t.Item2.shape);
        wanted[GeneratorName] = null;
        var (tensors, _) = SafeTensors.Load(path, wanted);
        Copy(tensors, state, path);
        if (!tensors.TryGetValue(GeneratorName, out var generator))
            throw new SafeTensorsException($"{Path.GetFileName(path)} lacks the tensor {GeneratorName}.");
        GeneratorState.Restore(generator, Path.GetFileName(path));
        var progress = JsonSerializer.Deserialize<Progress>(metadata["progress"], EventJsonForm.Options)!;
        optimizer.ResumeAt(progress.Step, progress.FewerSteps);
        return progress;
    }

    // Read and written again: a file of an older version lacks fields that have come since, which then have their defaults.
    private static bool IsOf(IReadOnlyDictionary<string, string> metadata, Spec spec)
        => SpecReader.ReadStored(metadata.GetValueOrDefault("spec") ?? "").Spec is { } stored
            && SpecWriter.ToJson(stored).ToJsonString() == SpecWriter.ToJson(spec).ToJsonString();

    /// <summary>The spec of a checkpoint and a network with its weights, in eval mode.</summary>
    public static (Spec Spec, PlanNetwork Network) Open(string path)
    {
        var (spec, _, network) = OpenWithSeed(path);
        return (spec, network);
    }

    /// <summary>As <see cref="Open"/>, with the seed of the run.</summary>
    public static (Spec Spec, ulong Seed, PlanNetwork Network) OpenWithSeed(string path)
    {
        using var scope = NewDisposeScope();
        var (metadata, bytes) = SafeTensors.LoadMetadata(path);
        var reading = SpecReader.ReadStored(metadata.GetValueOrDefault("spec") ?? "");
        if (reading.Spec is not { } spec)
            throw new SafeTensorsException($"{Path.GetFileName(path)} is no checkpoint of ours: {reading.Problems[0].Message}");
        // Before it is built: a small file may name a large model, whose weights are not in it.
        if (ModelFactory.PlanOf(spec).Steps.Sum(step => step.Tensors.Sum(tensor => tensor.Count)) is var wanted && wanted > bytes / 4)
            throw new SafeTensorsException($"{Path.GetFileName(path)} has {bytes / 4:N0} numbers, and its model has {wanted:N0} weights.");
        var network = ModelFactory.Build(spec);
        var state = network.state_dict();
        var (tensors, _) = SafeTensors.Load(path, state.ToDictionary(t => t.Key, t => (long[]?)t.Value.shape));
        Copy(tensors, state.Select(t => (t.Key, t.Value)), path);
        network.eval();
        return (spec, ulong.TryParse(metadata.GetValueOrDefault("seed"), out var seed) ? seed : 0, network);
    }

    /// <summary>Hash over names, shapes and bytes of the network's tensors.</summary>
    public static string WeightsSha256(nn.Module network)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, tensor) in network.state_dict().OrderBy(t => t.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}[{string.Join(',', tensor.shape)}]"));
            hash.AppendData(tensor.detach().cpu().contiguous().bytes);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Copy(Dictionary<string, Tensor> from, IEnumerable<(string Name, Tensor Value)> to, string path)
    {
        using var quiet = no_grad();
        foreach (var (name, target) in to)
        {
            if (!from.TryGetValue(name, out var stored))
                throw new SafeTensorsException($"{Path.GetFileName(path)} lacks the tensor {name}.");
            if (!stored.shape.SequenceEqual(target.shape))
                throw new SafeTensorsException($"{Path.GetFileName(path)}: {name} is {stored}, the network's is {target}.");
            target.copy_(stored);
        }
    }
}
