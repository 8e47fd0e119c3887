using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>Loss and accuracy over the steps since the last point, summed on the device so that no step waits for it.</summary>
internal sealed class RunningMean(Device device) : IDisposable
{
    private readonly Tensor loss = zeros([], ScalarType.Float64, device);
    private readonly Tensor correct = zeros([], ScalarType.Int64, device);
    private long images;

    /// <param name="batchLoss">Mean loss of the batch, a scalar.</param>
    public void Add(Tensor batchLoss, Tensor logits, Tensor labels)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var count = labels.shape[0];
        loss.add_(batchLoss.detach().to(ScalarType.Float64), count);
        correct.add_(logits.argmax(1).eq(labels).sum());
        images += count;
    }

    /// <summary>Mean loss, accuracy in percent and images since the last call; starts anew.</summary>
    public (double Loss, double Accuracy, long Images) Take()
    {
        var result = (loss.item<double>() / images, 100.0 * correct.item<long>() / images, images);
        loss.zero_();
        correct.zero_();
        images = 0;
        return result;
    }

    public Progress Store(Progress progress) => progress with { RunningLoss = loss.item<double>(), RunningCorrect = correct.item<long>(), RunningImages = images };

    public void Restore(Progress progress)
    {
        loss.fill_(progress.RunningLoss);
        correct.fill_(progress.RunningCorrect);
        images = progress.RunningImages;
    }

    public void Dispose()
    {
        loss.Dispose();
        correct.Dispose();
    }
}
