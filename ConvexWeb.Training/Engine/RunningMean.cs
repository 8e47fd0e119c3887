using System.Text.Json.Serialization;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>Sums over the images of some steps.</summary>
public readonly record struct RunningSums(double Loss, double Objective, long Correct, long Images)
{
    [JsonIgnore]
    public double MeanLoss => Loss / Images;

    [JsonIgnore]
    public double MeanObjective => Objective / Images;

    /// <summary>Percent.</summary>
    [JsonIgnore]
    public double Accuracy => 100.0 * Correct / Images;

    public RunningSums Plus(RunningSums other)
        => new(Loss + other.Loss, Objective + other.Objective, Correct + other.Correct, Images + other.Images);

    public RunningSums Minus(RunningSums other)
        => new(Loss - other.Loss, Objective - other.Objective, Correct - other.Correct, Images - other.Images);
}

/// <summary>Loss and accuracy over the steps since the last point, summed on the device so that no step waits for it.</summary>
internal sealed class RunningMean(Device device) : IDisposable
{
    private readonly Tensor loss = zeros([], ScalarType.Float64, device);
    private readonly Tensor objective = zeros([], ScalarType.Float64, device);
    private readonly Tensor correct = zeros([], ScalarType.Int64, device);
    private long images;

    /// <param name="batchObjective">Mean of what the step minimised over the batch, a scalar:
    /// with label smoothing or mixed images not the plain loss.</param>
    /// <param name="isPlain">Whether that is the plain cross-entropy against the labels.</param>
    public void Add(Tensor batchObjective, Tensor logits, Tensor labels, bool isPlain)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var count = labels.shape[0];
        var minimised = batchObjective.detach().to(ScalarType.Float64);
        objective.add_(minimised, count);
        loss.add_(isPlain ? minimised : nn.functional.cross_entropy(logits.detach(), labels).to(ScalarType.Float64), count);
        correct.add_(logits.argmax(1).eq(labels).sum());
        images += count;
    }

    /// <summary>The sums since the last call, which are set to 0.</summary>
    public RunningSums Take()
    {
        var result = Peek();
        loss.zero_();
        objective.zero_();
        correct.zero_();
        images = 0;
        return result;
    }

    /// <summary>The sums since they were last taken.</summary>
    public RunningSums Peek() => new(loss.item<double>(), objective.item<double>(), correct.item<long>(), images);

    public Progress Store(Progress progress) => progress with
    {
        RunningLoss = loss.item<double>(),
        RunningObjective = objective.item<double>(),
        RunningCorrect = correct.item<long>(),
        RunningImages = images,
    };

    public void Restore(Progress progress)
    {
        loss.fill_(progress.RunningLoss);
        objective.fill_(progress.RunningObjective);
        correct.fill_(progress.RunningCorrect);
        images = progress.RunningImages;
    }

    public void Dispose()
    {
        loss.Dispose();
        objective.Dispose();
        correct.Dispose();
    }
}
