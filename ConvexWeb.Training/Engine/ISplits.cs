using ConvexWeb.Training.Data;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// The splits of a run, made of what the data set holds: preprocessing is fitted to the training part and done to all. Labels are int64 on
/// the device and become the split's own.
/// </summary>
internal interface ISplits
{
    Split Train(Tensor labels);

    Split Validation(Tensor labels);

    Split Test(Tensor labels);

    /// <summary>The test images with noise, where the spec adds some and the test images themselves stay; null else.</summary>
    Split? NoisyTest(Tensor labels);
}
