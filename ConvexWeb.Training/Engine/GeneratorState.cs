using ConvexWeb.Training.Events;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>The state of libtorch's random generator on the CPU, as a checkpoint stores it.</summary>
internal static class GeneratorState
{
    // Of libtorch 2.10's Mersenne Twister, with its cached normal numbers.
    private const long Bytes = 5056;

    /// <summary>uint8 [5056].</summary>
    public static Tensor Read() => Generator.Default.get_state();

    /// <summary>Sets the default generator. The state is checked here: libtorch ends the process on one that it does not accept.</summary>
    /// <exception cref="SafeTensorsException">The tensor is no such state.</exception>
    public static void Restore(Tensor state, string file)
    {
        if (state.dtype != ScalarType.Byte || state.ndim != 1 || state.numel() != Bytes)
            throw new SafeTensorsException(
                $"{file} holds a random generator's state of {state.dtype} [{string.Join(", ", state.shape)}]; "
                + $"it must be uint8 [{Bytes}].");
        using var own = state.cpu().contiguous();
#pragma warning disable RS0030 // Checked above.
        Generator.Default.set_state(own);
#pragma warning restore RS0030
    }
}
