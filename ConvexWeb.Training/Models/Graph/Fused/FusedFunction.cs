using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Models.Graph.Fused;

/// <summary>
/// What backward passes written in C# share:
/// errors that must not cross native code, and tensors that native code has taken over.
/// </summary>
internal static class FusedFunctions
{
    private static readonly List<Tensor> Returned = [];
    private static ExceptionDispatchInfo? failure;

    /// <summary>
    /// Backpropagates; errors of fused layers are thrown here,
    /// since an exception that crosses libtorch's frames would end the process.
    /// </summary>
    public static void Backward(Tensor loss)
    {
        failure = null;
        try
        {
            loss.backward();
        }
        catch (Exception) when (failure is not null)
        {
            // What went wrong in a layer is the cause of what libtorch makes of it.
        }
        finally
        {
            Release();
        }
        if (Interlocked.Exchange(ref failure, null) is { } error) error.Throw();
    }

    /// <summary>
    /// Disposes what the previous backward pass of a layer returned: libtorch has its own references by now. Without this, every gradient
    /// of a network would live until the step's end.
    /// </summary>
    public static void Release()
    {
        lock (Returned)
        {
            foreach (var tensor in Returned) tensor.Dispose();
            Returned.Clear();
        }
    }

    public static void Keep(List<Tensor> gradients)
    {
        lock (Returned)
        {
            foreach (var gradient in gradients)
                if (gradient is not null) Returned.Add(gradient.DetachFromDisposeScope());
        }
    }

    public static void Failed(Exception error) => failure ??= ExceptionDispatchInfo.Capture(error);
}

/// <summary>A differentiable layer over a kernel. Derived classes compute; this one keeps memory and errors in order.</summary>
/// <typeparam name="TLayer">What a call is given besides tensors, and what forward leaves for backward that is no tensor.</typeparam>
internal abstract class FusedFunction<TSelf, TLayer> : autograd.SingleTensorFunction<TSelf>
    where TSelf : FusedFunction<TSelf, TLayer>, new() where TLayer : class
{
    private const string LayerKey = "layer", InputsKey = "inputs";

    public override string Name => typeof(TSelf).Name;

    /// <summary>The last argument is the layer, the others are tensors.</summary>
    public sealed override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var layer = (TLayer)vars[^1];
        ctx.save_data(LayerKey, layer);
        ctx.save_data(InputsKey, vars.Length - 1);
        var (output, saved) = Forward(layer, [.. vars[..^1].Cast<Tensor>()]);
        ctx.save_for_backward(saved);
        return output;
    }

    public sealed override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var inputs = 0;
        List<Tensor> saved = [], gradients;
        try
        {
            FusedFunctions.Release();
            inputs = (int)ctx.get_data(InputsKey);
            var layer = (TLayer)ctx.get_data(LayerKey);
            // Throws where one of them was changed in place since.
            saved = ctx.get_saved_variables();
            using var scope = NewDisposeScope();
            gradients = Backward(layer, grad_output, saved);
            foreach (var gradient in gradients) gradient?.MoveToOuterDisposeScope();
        }
        catch (Exception e)
        {
            // The process edge: native frames are above this one.
            FusedFunctions.Failed(e);
            gradients = [.. Enumerable.Repeat<Tensor>(null!, inputs)];
        }
        foreach (var tensor in saved) tensor?.Dispose();
        grad_output.Dispose();
        FusedFunctions.Keep(gradients);
        // The layer is no tensor and has no gradient.
        gradients.Add(null!);
        return gradients;
    }

    /// <summary>Computes without a graph.</summary>
    /// <returns>The result, and the tensors that backward gets.</returns>
    protected abstract (Tensor Output, List<Tensor> Saved) Forward(TLayer layer, Tensor[] inputs);

    /// <returns>A gradient for each tensor of the call, null where none is needed.</returns>
    protected abstract List<Tensor> Backward(TLayer layer, Tensor gradient, List<Tensor> saved);
}
