using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ConvexWeb.Training.Kernels;

/// <summary>
/// Vectors of 64 bytes and the few functions on them that kernels share.
/// A processor without 512-bit registers runs the same code on halves of 256 bits.
/// </summary>
internal static unsafe class Lanes
{
    /// <summary>The first <paramref name="count"/> elements, then zeros; reads nothing beyond them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Load<T>(T* from, long count) where T : unmanaged
    {
        if (count >= Vector512<T>.Count) return Vector512.Load(from);
        if (typeof(T) == typeof(float) && Avx512F.IsSupported)
            return Avx512F.MaskLoad((float*)from, First(count), Vector512<float>.Zero).As<float, T>();
        var part = Vector512<T>.Zero;
        Unsafe.CopyBlockUnaligned(&part, from, (uint)(count * sizeof(T)));
        return part;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(Vector512<T> value, T* to, long count) where T : unmanaged
    {
        if (count >= Vector512<T>.Count) value.Store(to);
        else if (typeof(T) == typeof(float) && Avx512F.IsSupported) Avx512F.MaskStore((float*)to, First(count), value.As<T, float>());
        else Unsafe.CopyBlockUnaligned(to, &value, (uint)(count * sizeof(T)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> First(long count)
        => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create((int)count)).AsSingle();

    /// <summary>a·b + c, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> MultiplyAdd<T>(Vector512<T> a, Vector512<T> b, Vector512<T> c)
        => typeof(T) == typeof(float)
            ? Vector512.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
            : Vector512.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();

    /// <summary>The sum of all lanes, in double precision.</summary>
    public static double Total<T>(Vector512<T> lanes) where T : unmanaged, INumber<T>
    {
        var sum = 0.0;
        for (var i = 0; i < Vector512<T>.Count; i++) sum += double.CreateTruncating(lanes[i]);
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Exp<T>(Vector512<T> x)
        => typeof(T) == typeof(float) ? Vector512.Exp(x.AsSingle()).As<float, T>() : Vector512.Exp(x.AsDouble()).As<double, T>();

    /// <summary>x where x ≥ 0 (or NaN), else eˣ − 1: ELU.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Elu<T>(Vector512<T> x)
    {
        var negative = Vector512.LessThan(x, Vector512<T>.Zero);
        var below = typeof(T) == typeof(float) ? Expm1BelowZero(x.AsSingle()).As<float, T>() : Expm1BelowZero(x.AsDouble()).As<double, T>();
        return Vector512.ConditionalSelect(negative, below, x);
    }

    /// <summary>
    /// eˣ − 1 for x ≤ 0, to about one unit in the last place:
    /// x = n·ln 2 + r with |r| ≤ ln 2 / 2, eʳ − 1 by its series, eˣ − 1 = 2ⁿ(eʳ − 1) + (2ⁿ − 1).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Expm1BelowZero(Vector512<float> x)
    {
        // Added, it leaves the nearest integer in the low bits.
        const float round = 12582912f;
        // Below −87 the result is −1 to the last bit, and 2ⁿ would leave the range.
        x = Vector512.Max(x, Vector512.Create(-87f));
        var shifted = Vector512.FusedMultiplyAdd(x, Vector512.Create(1.44269504f), Vector512.Create(round));
        var n = shifted - Vector512.Create(round);
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), r);
        var p = Vector512.FusedMultiplyAdd(Vector512.Create(1f / 5040), r, Vector512.Create(1f / 720));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 120));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 24));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 6));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(0.5f));
        p = Vector512.FusedMultiplyAdd(p * r, r, r);
        var scale = ((shifted.AsInt32() - Vector512.Create(round).AsInt32() + Vector512.Create(127)) << 23).AsSingle();
        return Vector512.FusedMultiplyAdd(scale, p, scale - Vector512<float>.One);
    }

    // Double precision is for checks, not for speed.
    private static Vector512<double> Expm1BelowZero(Vector512<double> x)
    {
        var result = x;
        for (var i = 0; i < Vector512<double>.Count; i++) result = result.WithElement(i, double.ExpM1(x[i]));
        return result;
    }
}
