using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ConvexWeb.Training.Kernels;

/// <summary>An activation that a kernel applies in its own pass. The compiler makes one version of the kernel for each.</summary>
internal interface IActivation
{
    static abstract Vector512<T> Value<T>(Vector512<T> z) where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>The derivative, from the activation's result.</summary>
    static abstract Vector512<T> Slope<T>(Vector512<T> result) where T : unmanaged, IFloatingPointIeee754<T>;
}

internal readonly struct Identity : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Value<T>(Vector512<T> z) where T : unmanaged, IFloatingPointIeee754<T> => z;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Slope<T>(Vector512<T> result) where T : unmanaged, IFloatingPointIeee754<T> => Vector512<T>.One;
}

// Comparisons let NaN through: a network that diverged must not look as if it had not.
internal readonly struct Relu : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Value<T>(Vector512<T> z) where T : unmanaged, IFloatingPointIeee754<T>
        => Vector512.AndNot(z, Vector512.LessThan(z, Vector512<T>.Zero));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Slope<T>(Vector512<T> result) where T : unmanaged, IFloatingPointIeee754<T>
        => Vector512.AndNot(Vector512<T>.One, Vector512.LessThanOrEqual(result, Vector512<T>.Zero));
}

internal readonly struct Elu : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Value<T>(Vector512<T> z) where T : unmanaged, IFloatingPointIeee754<T> => Lanes.Elu(z);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Slope<T>(Vector512<T> result) where T : unmanaged, IFloatingPointIeee754<T>
        => Vector512.ConditionalSelect(Vector512.GreaterThan(result, Vector512<T>.Zero), Vector512<T>.One, result + Vector512<T>.One);
}
