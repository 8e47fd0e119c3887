using System.CommandLine;
using System.Text.Json;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Engine.Certification;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Cli;

/// <summary><c>certify CHECKPOINT [--json]</c>: the input-convexity certificate of a trained network.</summary>
internal static class CertifyCommand
{
    private const int MostImages = 2000;

    public static Command Create()
    {
        var checkpoint = new Argument<string>("CHECKPOINT") { Description = "A .safetensors checkpoint" };
        var twin = new Option<string?>("--twin")
        {
            Description = "Checkpoint of the unconstrained twin, the control; without it, a twin with its initial weights",
        };
        var pairs = new Option<int>("--pairs") { Description = "Pairs of each kind", DefaultValueFactory = _ => Certifier.Pairs };
        var data = DataFolder.Option();
        var json = new Option<bool>("--json") { Description = "As JSON, with the curves" };
        var threads = new Option<int>("--threads") { Description = "Threads", DefaultValueFactory = _ => Environment.ProcessorCount };
        var stopOnEof = new Option<bool>("--stop-on-eof") { Description = "Stop when standard input is closed" };
        var command = new Command("certify",
            "Says whether a checkpoint's logits are convex functions of its input: by structure, and by numbers with a control.")
        {
            checkpoint, twin, pairs, data, json, threads, stopOnEof,
        };
        command.SetAction(async p =>
        {
            using var stop = new StopRequest(p.GetValue(stopOnEof));
            if (p.GetValue(pairs) is < 10 or > 100_000)
                throw new BadInputException($"--pairs must be from 10 to 100000; got {p.GetValue(pairs)}.");
            Processor.Use(p.GetValue(threads), cache: null);
            try
            {
                return await Run(
                    p.GetValue(checkpoint)!, p.GetValue(twin), p.GetValue(pairs), p.GetValue(data)!, p.GetValue(json), stop.Token);
            }
            catch (OperationCanceledException)
            {
                return ExitCodes.Stopped;
            }
        });
        return command;
    }

    private static async Task<int> Run(string checkpoint, string? twin, int pairs, string data, bool json, CancellationToken cancel)
    {
        foreach (var file in new[] { checkpoint, twin })
            if (file is not null && !File.Exists(file)) throw new BadInputException($"There is no file {file}.");
        var (spec, seed, network) = Checkpoint.OpenWithSeed(checkpoint);
        PlanNetwork? control = null;
        if (twin is not null)
        {
            (var other, control) = Checkpoint.Open(twin);
            if (other.Model.Name != spec.Model.Name || other.Convexity is not Convexity.NoConvexityOptions)
                throw new BadInputException(
                    $"--twin must be an unconstrained {spec.Model.Name}; "
                    + $"{Path.GetFileName(twin)} is {other.Model.Name} with {other.Convexity.Name}.");
        }
        var set = await DataFolder.Store(data).LoadAsync(spec.Data, null, Console.Error.WriteLine, cancel);
        return Report(Make(), json);

        // Tensors and their scopes belong to one thread: nothing is awaited in here.
        Certificate Make()
        {
            using var prepared = TrainingData.Prepare(
                spec, set, seed, CPU, Path.Combine(data, "cache"), null, Console.Error.WriteLine, cancel);
            var (images, _) = prepared.Test.Slice(0, Math.Min(MostImages, prepared.Test.Count));
            return Certifier.Certify(spec, network, images, seed, pairs, control, cancel);
        }
    }

    private static int Report(Certificate certificate, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(certificate, EventJson.Default.Certificate));
            return ExitCodes.Done;
        }
        Console.WriteLine(certificate.Sentence);
        Console.WriteLine();
        Console.WriteLine($"{"inequality",-32}{"tested",10}{"checks",12}{"violations",12}{"worst excess",16}");
        Print("", certificate.Empirical);
        if (certificate.InPixels is { } pixels) Print("on images: ", pixels);
        if (certificate.Control is { } twin) Print("control: ", twin);
        Console.WriteLine();
        Console.WriteLine(certificate.Structure.SmallestCovered is { } least
            ? $"smallest constrained weight {least:0.######e+0}"
            : "no weight is constrained");
        foreach (var node in certificate.Structure.Tree) Print(node, 0);
        return ExitCodes.Done;
    }

    private static void Print(string prefix, EmpiricalTest test)
    {
        foreach (var row in (IEnumerable<PairTest>)[.. test.Midpoint, test.Jensen, test.Lines])
            Console.WriteLine($"{prefix + row.Name,-32}{row.Tested,10:N0}{row.Checks,12:N0}{row.Violations,12:N0}{row.Worst,16:0.###e+0}");
    }

    private static void Print(ProofNode node, int depth)
    {
        var kind = node.Kind is null ? "" : $" ({node.Kind})";
        var standing = node.Standing.ToString().ToLowerInvariant();
        var because = node.Because is null ? "" : $", {node.Because}";
        Console.WriteLine($"{new string(' ', 2 * depth)}{(node.Breaks ? "✗" : "·")} {node.Name}{kind}: {standing}{because}");
        foreach (var child in node.Children) Print(child, depth + 1);
    }
}
