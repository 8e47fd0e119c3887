using System.CommandLine;
using System.Text.Json;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Specs;
using ConvexWeb.Training.Theory;

namespace ConvexWeb.Training.Cli;

/// <summary><c>theorem1 [--points N] [--dims D | --dataset NAME] [--json]</c>: the network of Theorem 1, built and measured.</summary>
internal static class TheoremOneCommand
{
    private const int MostPoints = 60_000;
    private const int MostDimensions = 100_000;
    private const int MostClasses = 1000;
    private const int MostDepth = 1000;

    private static readonly JsonSerializerOptions Indented = new(EventJsonForm.Options) { WriteIndented = true };

    public static Command Create()
    {
        var points = Number("--points", "Points of the sample, or the first images of the data set", 1000);
        var dims = new Option<int?>("--dims") { Description = "Coordinates of gaussian points; 900 by default" };
        var classes = new Option<int?>("--classes") { Description = "Classes of the random labels of gaussian points; 10 by default" };
        var seed = Number("--seed", "Of points, labels and direction", 0);
        var dataset = new Option<string?>("--dataset") { Description = "Images with their own labels in place of gaussian points" };
        var data = DataFolder.Option();
        var depth = Number("--depth", "2 is Theorem 1; above it, Corollary 1 is built as well", 2);
        var outputs = new Option<bool>("--outputs") { Description = "Build the form with an output for each class as well" };
        var json = new Option<bool>("--json") { Description = "As JSON, with the curve" };
        var command = new Command("theorem1",
            "Builds a ReLU network with 2n + d weights that has any labels at n distinct points. A construction, not a training.")
        {
            points, dims, classes, seed, dataset, data, depth, outputs, json,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            var (count, layers, name) = (parsed.GetValue(points), parsed.GetValue(depth), parsed.GetValue(dataset));
            var key = (ulong)Within("--seed", parsed.GetValue(seed), 0, int.MaxValue);
            Within("--points", count, 2, MostPoints);
            Within("--depth", layers, 2, Math.Min(count + 1, MostDepth));
            var (d, k) = (parsed.GetValue(dims), parsed.GetValue(classes));
            if (name is not null && (d ?? k) is not null)
                throw new BadInputException("--dims and --classes are for gaussian points: a data set has its own.");
            try
            {
                var sample = name is not null
                    ? await ImagesAsync(name, parsed.GetValue(data)!, count, cancel)
                    : LabelledPoints.Gaussian(
                        count, Within("--dims", d ?? 900, 1, MostDimensions), Within("--classes", k ?? 10, 2, MostClasses), key);
                var report = TheoremOneStudy.Run(sample, key, parsed.GetValue(outputs), layers, TimeProvider.System, cancel);
                return Report(report, parsed.GetValue(json));
            }
            catch (TheoryException e)
            {
                throw new BadInputException(e.Message);
            }
            catch (OperationCanceledException)
            {
                return ExitCodes.Stopped;
            }
        });
        return command;
    }

    internal static Option<int> Number(string name, string description, int value)
        => new(name) { Description = description, DefaultValueFactory = _ => value };

    internal static int Within(string name, int value, int least, int most) => value >= least && value <= most
        ? value
        : throw new BadInputException($"{name} must be from {least} to {most}; got {value}.");

    private static async Task<LabelledPoints> ImagesAsync(string name, string data, int count, CancellationToken cancel)
    {
        var options = Catalogue.Datasets.Find(name) is { } entry ? (DataOptions)Activator.CreateInstance(entry.Options)! : null;
        if (options is null or JpegFolderOptions)
        {
            var names = Catalogue.Datasets.Choices.Where(choice => !choice.Options.IsSubclassOf(typeof(JpegFolderOptions)));
            throw new BadInputException(
                $"--dataset must be one of {string.Join(", ", names.Select(choice => choice.Name))}; got '{name}'.");
        }
        var set = await DataFolder.Store(data).LoadAsync(options, null, Console.Error.WriteLine, cancel);
        return LabelledPoints.Images(name, set, count);
    }

    private static int Report(TheoremOneReport report, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(report, Indented));
            return ExitCodes.Done;
        }
        Console.WriteLine(report.Says);
        Console.WriteLine(
            $"{report.Points:N0} points of {report.Dimensions:N0} coordinates ({report.Source}), {report.Classes} classes, "
            + $"seed {report.Seed}");
        Console.WriteLine($"{report.StoredNumbers:N0} stored numbers; 2n + d = {report.TheoremNumbers:N0}");
        foreach (var row in report.Precisions)
            Console.WriteLine(
                $"{row.Name,-28}{row.Accuracy,9:0.000} % of labels, max error {row.MaxError:0.##e+0}"
                + $"{(row.Ties + row.Misplaced + row.NotFinite > 0 ? Trouble(row) : "")}");
        Console.WriteLine($"{"labels permuted, rebuilt",-28}{report.PermutedAccuracy,9:0.000} % of labels");
        Console.WriteLine(
            $"{"fresh points",-28}{report.Fresh.Accuracy,9:0.000} % of {report.Fresh.Count:N0}; chance {report.Fresh.Chance:0.##} %, "
            + $"outputs within the labels' range {report.Fresh.InRange:0.0} %");
        if (report.Outputs is { } outputs)
            Console.WriteLine(
                $"{report.Classes + " outputs",-28}{outputs.Accuracy,9:0.000} % of labels, max error {outputs.MaxError:0.##e+0}, "
                + $"{outputs.StoredNumbers:N0} stored numbers, fresh points {outputs.FreshAccuracy:0.0} %");
        if (report.Layered is { } layered)
            Console.WriteLine(
                $"{"depth " + layered.Depth,-28}{layered.Accuracy,9:0.000} % of labels, max error {layered.MaxError:0.##e+0}, "
                + $"width {layered.Width:N0}, {layered.Connections:N0} connections and biases");
        Console.WriteLine(
            $"max |w| {report.LargestWeight:0.##e+0}, smallest gap {report.SmallestGap:0.##e+0}, smallest eigenvalue "
            + $"{report.SmallestEigenvalue:0.##e+0}; built in {report.BuildMilliseconds:N0} ms, all in {report.Milliseconds:N0} ms");
        return ExitCodes.Done;
    }

    private static string Trouble(PrecisionReport row)
        => $"; {row.Ties:N0} ties, {row.Misplaced:N0} points outside their knots, {row.NotFinite:N0} outputs not finite";
}
