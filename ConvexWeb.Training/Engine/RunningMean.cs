using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

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

    /// <summary>Mean plain loss and objective, accuracy in percent and images since the last call; starts anew.</summary>
    public (double Loss, double Objective, double Accuracy, long Images) Take()
    {
        var result = (loss.item<double>() / images, objective.item<double>() / images, 100.0 * correct.item<long>() / images, images);
        loss.zero_();
        objective.zero_();
        correct.zero_();
        images = 0;
        return result;
    }

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
