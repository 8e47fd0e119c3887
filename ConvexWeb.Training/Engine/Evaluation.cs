using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine.Metrics;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models.Graph;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// Loss (plain cross-entropy, mean, natural log),
/// accuracy (percent) and more of a whole split in eval mode, without augmentation.
/// </summary>
/// <param name="Objective">The loss with the run's label smoothing; the plain loss where it has none.</param>
/// <param name="Top5">Percent; null below 100 classes.</param>
/// <param name="Noise">Null where no label of the split is corrupted.</param>
public sealed record Evaluation(
    double Loss, double Accuracy, double Objective, double? Top5, ConfusionMatrix Confusion, Calibration Calibration, Memorisation? Noise)
{
    /// <summary>What the experts of an ensemble do by themselves; null for a single network.</summary>
    public ExpertScores? Experts { get; init; }

    /// <summary>The logit of the label less the best other one, over the images.</summary>
    public required Margins Margins { get; init; }

    // Numbers that the largest inner value may hold at once: 64 MB in float32, and a few of them live at a time.
    private const long MostNumbers = 16_000_000;
    private const int ClassesForTop5 = 100;

    /// <summary>Evaluates without dropout or batch statistics; leaves the network in the mode it was in. Null when stopped.</summary>
    public static Evaluation? Of(
        nn.Module<Tensor, Tensor> network, Split split, double labelSmoothing = 0, CancellationToken stop = default)
    {
        var training = network.training;
        network.eval();
        using var outer = NewDisposeScope();
        using var quiet = no_grad();
        Sums? sums = null;
        var batch = BatchFor(network);
        var experts = network is PlanNetwork { Plan.Ensemble: { } ensemble } parts
            ? new ExpertSums(parts, ensemble, split.Labels.device)
            : null;
        for (long at = 0; at < split.Count && !stop.IsCancellationRequested; at += batch)
        {
            using var scope = NewDisposeScope();
            var length = Math.Min(batch, split.Count - at);
            var (images, labels) = split.Slice(at, length);
            var logits = experts is null ? network.forward(images) : experts.Forward(images, labels);
            sums ??= new Sums(logits.shape[1], logits.device);
            sums.Add(logits, labels, split.Truth?.narrow(0, at, length), labelSmoothing);
        }
        if (training) network.train();
        return stop.IsCancellationRequested ? null : sums!.Take(split.Count) with { Experts = experts?.Take(split.Count) };
    }

    /// <summary>Images that go through a network at once where no graph is kept.</summary>
    internal static long BatchFor(nn.Module network)
        => network is PlanNetwork { Plan: var plan } ? Math.Clamp(MostNumbers / plan.LargestValue, 16, 1000) : 100;

    /// <summary>Adds this evaluation to a point's values, under <c>train/…</c>, <c>test/…</c> or another split's name.</summary>
    public void Report(Dictionary<string, double> values, string split, bool smoothed)
    {
        values[split + "/accuracy"] = Accuracy;
        values[split + "/loss"] = Loss;
        if (smoothed) values[split + "/objective"] = Objective;
        if (Top5 is { } top5) values[split + "/top5"] = top5;
        values[split + "/ece"] = Calibration.Error;
        values[split + "/ece_ten_bin_sum"] = Calibration.PlainSum;
        values[split + "/ece_ten_bin_sum_of_all"] = Calibration.PlainSumOfAll;
        values[split + "/macro_f1"] = Confusion.MacroF;
        values[split + "/balanced_accuracy"] = 100 * Confusion.MacroRecall;
        values[split + "/macro_precision"] = Confusion.MacroPrecision;
        values[split + "/macro_recall"] = Confusion.MacroRecall;
        values[split + "/youden"] = Confusion.Youden;
        values[split + "/margin_mean"] = Margins.Mean;
        values[split + "/margin_p10"] = Margins.Deciles[1];
        Experts?.Report(values, split);
        if (Noise is null) return;
        values[split + "/fit_rate"] = Noise.FitRate;
        values[split + "/recovery_rate"] = Noise.RecoveryRate;
        if (Noise.CleanAccuracy is { } clean) values[split + "/clean_accuracy"] = clean;
    }

    /// <summary>What the summary of a run keeps of it.</summary>
    public SplitSummary Summary() => new(
        Confusion.Counts, Calibration.Bins, Calibration.Error, Calibration.PlainSum, Confusion.MacroPrecision, Confusion.MacroRecall,
        Confusion.MacroF, Confusion.WeightedF, Confusion.Matthews, Confusion.Youden, Confusion.Undefined)
    {
        CalibrationPlainSumOfAll = Calibration.PlainSumOfAll,
        MarginDeciles = Margins.Deciles,
    };

    /// <summary>What is summed on the device from batch to batch.</summary>
    private sealed class Sums
    {
        private readonly long classes;
        private readonly Tensor loss, objective, top5, confusion, wrongLabels, fitted, recovered, cleanRight;
        private readonly BinSums fifteen, ten;
        private readonly List<Tensor> margins = [];
        private bool noisy;

        public Sums(long classes, Device device)
        {
            this.classes = classes;
            (loss, objective) = (Sum(ScalarType.Float64), Sum(ScalarType.Float64));
            (top5, wrongLabels, fitted) = (Sum(ScalarType.Int64), Sum(ScalarType.Int64), Sum(ScalarType.Int64));
            (recovered, cleanRight) = (Sum(ScalarType.Int64), Sum(ScalarType.Int64));
            confusion = Sum(ScalarType.Int64, classes * classes);
            (fifteen, ten) = (new(Calibration.BinCount, device), new(Calibration.TenBinCount, device));

            Tensor Sum(ScalarType type, params long[] shape) => zeros(shape, type, device).MoveToOuterDisposeScope();
        }

        public void Add(Tensor logits, Tensor labels, Tensor? truth, double smoothing)
        {
            loss.add_(nn.functional.cross_entropy(logits, labels, reduction: nn.Reduction.Sum).to(ScalarType.Float64));
            if (smoothing > 0)
                objective.add_(nn.functional.cross_entropy(logits, labels, reduction: nn.Reduction.Sum, label_smoothing: smoothing)
                    .to(ScalarType.Float64));
            margins.Add(Margins.Of(logits, labels).MoveToOuterDisposeScope());
            var predicted = logits.argmax(1);
            var isRight = predicted.eq(labels);
            confusion.scatter_add_(0, labels * classes + predicted, zeros_like(labels).add(1));
            if (classes >= ClassesForTop5) top5.add_(logits.topk(5, 1).indexes.eq(labels.unsqueeze(1)).sum());

            // Logits of a network that has diverged have no softmax; such images are in no bin.
            var softmax = logits.to(ScalarType.Float64).softmax(1).max(1).values;
            var known = softmax.eq(softmax);
            var confidence = where(known, softmax, zeros_like(softmax));
            fifteen.Add(confidence, known, isRight);
            ten.Add(confidence, known, isRight);

            if (truth is null) return;
            noisy = true;
            var wrong = labels.ne(truth);
            wrongLabels.add_(wrong.sum());
            fitted.add_(isRight.mul(wrong).sum());
            recovered.add_(predicted.eq(truth).mul(wrong).sum());
            cleanRight.add_(isRight.mul(labels.eq(truth)).sum());
        }

        public Evaluation Take(long count)
        {
            var counts = confusion.cpu().data<long>().ToArray();
            var matrix = new ConfusionMatrix([.. counts.Chunk((int)classes)]);
            var plain = loss.item<double>() / count;
            var smoothed = objective.item<double>() / count;
            return new(plain, 100.0 * matrix.Correct / count, smoothed > 0 ? smoothed : plain,
                classes >= ClassesForTop5 ? 100.0 * top5.item<long>() / count : null,
                matrix, new(fifteen.Take(), ten.Take()), Noise(count))
            {
                Margins = Margins.Over(cat([.. margins])),
            };
        }

        private Memorisation? Noise(long count)
        {
            if (!noisy || wrongLabels.item<long>() is not (> 0 and var wrong)) return null;
            return new(100.0 * fitted.item<long>() / wrong, 100.0 * recovered.item<long>() / wrong,
                wrong == count ? null : 100.0 * cleanRight.item<long>() / (count - wrong));
        }
    }

    /// <summary>Images, confidences and hits of bins of equal width.</summary>
    private sealed class BinSums(int count, Device device)
    {
        private readonly Tensor images = Zeros(count, device), confidences = Zeros(count, device), right = Zeros(count, device);

        public void Add(Tensor confidence, Tensor known, Tensor isRight)
        {
            // Bins are open below and closed above; a confidence is at least 1/K, so none falls out below.
            var bin = (confidence * count).neg().floor().neg().sub(1).clamp(0, count - 1).to(ScalarType.Int64);
            images.scatter_add_(0, bin, known.to(ScalarType.Float64));
            confidences.scatter_add_(0, bin, confidence);
            right.scatter_add_(0, bin, isRight.mul(known).to(ScalarType.Float64));
        }

        public IReadOnlyList<ReliabilityBin> Take() => Calibration.BinsOf(Read(images), Read(confidences), Read(right));

        private static Tensor Zeros(int count, Device device) => zeros([count], ScalarType.Float64, device).MoveToOuterDisposeScope();

        private static double[] Read(Tensor sums) => sums.cpu().data<double>().ToArray();
    }
}
