using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ConvexWeb.Training.Kernels;

namespace ConvexWeb.Training.Convexity;

/// <summary>w &lt; 0 → exp(w − eps): IOC paper Alg. 1.</summary>
internal readonly struct ExpEpsOperator(double eps) : IWeightOperator
{
    public static bool Constrains => true;

    public static bool ShiftsTensor => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Apply<T>(Vector512<T> negative) where T : unmanaged, IFloatingPointIeee754<T>
        => Lanes.Exp(negative - Vector512.Create(T.CreateTruncating(eps)));
}

/// <summary>w &lt; 0 → 0.</summary>
internal readonly struct ClipOperator : IWeightOperator
{
    public static bool Constrains => true;

    public static bool ShiftsTensor => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Apply<T>(Vector512<T> negative) where T : unmanaged, IFloatingPointIeee754<T> => Vector512<T>.Zero;
}

/// <summary>w &lt; 0 → −w.</summary>
internal readonly struct AbsOperator : IWeightOperator
{
    public static bool Constrains => true;

    public static bool ShiftsTensor => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Apply<T>(Vector512<T> negative) where T : unmanaged, IFloatingPointIeee754<T> => -negative;
}

/// <summary>w → w − min(0, min w), for each tensor.</summary>
internal readonly struct ShiftOperator : IWeightOperator
{
    public static bool Constrains => true;

    public static bool ShiftsTensor => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Apply<T>(Vector512<T> negative) where T : unmanaged, IFloatingPointIeee754<T> => negative;
}
