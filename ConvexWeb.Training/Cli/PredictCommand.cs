using System.CommandLine;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Kernels;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Cli;

/// <summary>
/// <c>predict CHECKPOINT --input X --output Y</c>:
/// logits of a stored input <c>x</c>, float32 as the network takes it, in eval mode.
/// </summary>
internal static class PredictCommand
{
    public static Command Create()
    {
        var checkpoint = new Argument<string>("CHECKPOINT") { Description = "A .safetensors checkpoint" };
        var input = new Option<string>("--input")
        {
            Description = "safetensors file with the tensor x: float32 [N, C, H, W] or [N, d], preprocessed",
            Required = true,
        };
        var output = new Option<string>("--output")
        {
            Description = "safetensors file that gets the tensor logits [N, K]",
            Required = true,
        };
        var command = new Command("predict", "Computes the logits of stored inputs.") { checkpoint, input, output };
        command.SetAction(p =>
        {
            using var stop = new StopRequest(onEndOfInput: false);
            try
            {
                return Run(p.GetValue(checkpoint)!, p.GetValue(input)!, p.GetValue(output)!, stop.Token);
            }
            catch (OperationCanceledException)
            {
                return ExitCodes.Stopped;
            }
        });
        return command;
    }

    private static int Run(string checkpoint, string input, string output, CancellationToken cancel)
    {
        foreach (var file in new[] { checkpoint, input })
            if (!File.Exists(file)) throw new BadInputException($"There is no file {file}.");
        ProcessMemory.Keep();
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var (spec, network) = Checkpoint.Open(checkpoint);
        var (tensors, _) = SafeTensors.Load(input, new Dictionary<string, long[]?> { ["x"] = null });
        if (!tensors.TryGetValue("x", out var x)) throw new BadInputException($"{input} has no tensor x.");
        if (x.dtype != ScalarType.Float32 || x.ndim < 2)
            throw new BadInputException($"x must be float32 of at least 2 dimensions; it is {x}.");
        var info = DatasetInfo.Of(spec.Data);
        if (x.numel() != x.shape[0] * info.Dimensions)
            throw new BadInputException(
                $"x must be [N, {info.Channels}, {info.Height}, {info.Width}] or [N, {info.Dimensions}] for this checkpoint; "
                + $"it is [{string.Join(", ", x.shape)}].");
        var (rows, batch) = (x.shape[0], Evaluation.BatchFor(network));
        x = x.view(-1, info.Channels, info.Height, info.Width);
        var parts = new List<Tensor>();
        for (long at = 0; at < rows; at += batch)
        {
            cancel.ThrowIfCancellationRequested();
            using var passing = NewDisposeScope(); // what a batch needs on its way is not kept for the next one
            parts.Add(network.forward(x.narrow(0, at, Math.Min(batch, rows - at))).MoveToOuterDisposeScope());
        }
        SafeTensors.Save(output, [("logits", cat([.. parts]))], new Dictionary<string, string>());
        return ExitCodes.Done;
    }
}
