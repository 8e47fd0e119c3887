using System.CommandLine;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Files;
using ConvexWeb.Training.Kernels;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Cli;

/// <summary>
/// <c>predict CHECKPOINT --input X --output Y</c>:
/// logits of a stored input <c>x</c>, float32 as the network takes it, in eval mode.
/// </summary>
internal static class PredictCommand
{
    // A tensor is written as one span of less than 2 GiB.
    private const long MostLogits = 500_000_000;

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
        // Before anything is computed; what is not a regular file would be replaced by one.
        if (RegularFile.IsTaken(output) || RegularFile.IsTaken(output + SafeTensors.Half))
            throw new BadInputException($"{output} is a folder, a link, or empty or no regular file: name another output.");
        ProcessMemory.Keep();
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var (spec, network) = Checkpoint.Open(checkpoint);
        using var x = StoredRows.Open(input, "x");
        var info = DatasetInfo.Of(spec.Data);
        if (x.Type != ScalarType.Float32 || x.Shape.Count < 2 || x.Rows == 0 || x.RowValues != info.Dimensions)
            throw new BadInputException(
                $"x must be float32 [N, {info.Channels}, {info.Height}, {info.Width}] or [N, {info.Dimensions}] for this checkpoint, with "
                + $"at least one row; it is {x.Type} [{string.Join(", ", x.Shape)}].");
        var most = MostLogits / network.Plan.Output.Size;
        if (x.Rows > most) throw new BadInputException($"x has {x.Rows:N0} rows; at most {most:N0} are computed at once: split the file.");
        var batch = Evaluation.BatchFor(network);
        var parts = new List<Tensor>();
        for (long at = 0; at < x.Rows; at += batch)
        {
            cancel.ThrowIfCancellationRequested();
            using var passing = NewDisposeScope(); // what a batch needs on its way is not kept for the next one
            var rows = x.Read(at, Math.Min(batch, x.Rows - at)).view(-1, info.Channels, info.Height, info.Width);
            parts.Add(network.forward(rows).MoveToOuterDisposeScope());
        }
        SafeTensors.Save(output, [("logits", cat([.. parts]))], new Dictionary<string, string>());
        return ExitCodes.Done;
    }
}
