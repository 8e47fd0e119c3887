using static TorchSharp.torch;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Resize to a square and the middle of it, as torchvision's Resize and CenterCrop with Pillow's 8-bit images: along rows and then along
/// columns, each rounded and clipped. Only what is kept is computed.
/// </summary>
internal sealed class EvaluationCrop(int resized, int side, bool bicubic) : IDisposable
{
    private Tensor? across, down;

    /// <summary>float32 [B, C, H, W] of levels / 255 → [B, C, side, side].</summary>
    public Tensor Apply(Tensor images)
    {
        using var scope = NewDisposeScope();
        across ??= Weights((int)images.shape[3]).to(images.device).DetachFromDisposeScope();
        down ??= Weights((int)images.shape[2]).to(images.device).DetachFromDisposeScope();
        var levels = images.mul(255).round_().to(ScalarType.Float64);
        var wide = nn.functional.linear(levels, across).add_(0.5).floor_().clamp_(0, 255); // [B, C, H, side]
        // Columns first: [B, C, side, side]. Half a level goes up, as in Pillow.
        var high = nn.functional.linear(wide.transpose(2, 3), down).add_(0.5).floor_().clamp_(0, 255);
        return high.transpose(2, 3).to(ScalarType.Float32).contiguous().div_(255).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        across?.Dispose();
        down?.Dispose();
    }

    private Tensor Weights(int inputs)
    {
        var all = new double[resized * inputs];
        ResizeWeights.Write(all, inputs, resized, 0, inputs, bicubic);
        // torchvision rounds half to even here, as Python's round does.
        var first = (int)Math.Round((resized - side) / 2.0);
        return from_array(all).view(resized, inputs).narrow(0, first, side).clone();
    }
}
