using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ConvexWeb.Training.Kernels;

/// <summary>
/// Small matrix products on the calling thread, for kernels that split their work themselves. float32 is computed here, in blocks of 8 rows
/// by 48 columns that stay in registers; float64, which is for checks, by the BLAS inside libtorch.
/// </summary>
internal static unsafe class Gemm
{
    private const byte AsIs = (byte)'N', Turned = (byte)'T';
    private const int BlockRows = 8, Lanes16 = 16, BlockColumns = 3 * Lanes16;

    /// <summary>
    /// C [m, n] = op(A) · B + beta · C, row by row in memory and dense.
    /// op(A) is [m, k], stored as [k, m] where transposed; B is [k, n].
    /// </summary>
    /// <param name="beta">0 or 1.</param>
    public static void Multiply<T>(bool transposeA, int m, int n, int k, T* a, T* b, T beta, T* c) where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            Rows((float*)a, transposeA ? 1 : k, transposeA ? m : 1, (float*)b, n, (float*)c, m, n, k,
                add: !EqualityComparer<T>.Default.Equals(beta, default));
            return;
        }
        // BLAS counts columns: it is given Cᵀ = Bᵀ · op(A)ᵀ.
        byte first = AsIs, second = transposeA ? Turned : AsIs;
        var ldb = transposeA ? m : k;
        var one = 1.0;
        LibtorchNative.Dgemm(&first, &second, &n, &m, &k, &one, (double*)b, &n, (double*)a, &ldb, (double*)&beta, (double*)c, &n);
    }

    // A's element (row i, step p) is at a[i · rowStride + p · stepStride].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows(float* a, int rowStride, int stepStride, float* b, int ldb, float* c, int m, int n, int k, bool add)
    {
        for (var column = 0; column < n; column += BlockColumns)
        {
            if (n - column < BlockColumns)
            {
                Narrow(a, rowStride, stepStride, b + column, ldb, c + column, n, m, n - column, k, add);
                return;
            }
            var row = 0;
            for (; row + BlockRows <= m; row += BlockRows)
                Block(a + (long)row * rowStride, rowStride, stepStride, b + column, ldb, c + (long)row * n + column, n, k, add);
            for (; row < m; row++)
                for (var part = 0; part < BlockColumns; part += Lanes16)
                    Strip(
                        a + (long)row * rowStride, stepStride, b + column + part, ldb, c + (long)row * n + column + part, Lanes16, k, add);
        }
    }

    // The last columns, 16 at a time; an incomplete vector of them is copied and filled up with zeros.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrow(
        float* a, int rowStride, int stepStride, float* b, int ldb, float* c, int ldc, int m, int columns, int k, bool add)
    {
        const int longest = 512;
        var filled = stackalloc float[Lanes16 * longest];
        for (var column = 0; column < columns; column += Lanes16)
        {
            var count = columns - column;
            float* from = b + column;
            var ldf = ldb;
            if (count < Lanes16 && k <= longest)
            {
                for (var p = 0; p < k; p++) Lanes.Load(from + (long)p * ldb, count).Store(filled + p * Lanes16);
                from = filled;
                ldf = Lanes16;
            }
            var row = 0;
            if (count >= Lanes16 || k <= longest)
                for (; row + BlockRows <= m; row += BlockRows)
                    NarrowBlock(
                        a + (long)row * rowStride, rowStride, stepStride, from, ldf, c + (long)row * ldc + column, ldc, count, k, add);
            for (; row < m; row++) Strip(a + (long)row * rowStride, stepStride, from, ldf, c + (long)row * ldc + column, count, k, add);
        }
    }

    // 8 rows by 16 columns, of which count are stored.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void NarrowBlock(
        float* a, int rowStride, int stepStride, float* b, int ldb, float* c, int ldc, int count, int k, bool add)
    {
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        float* a1 = a + rowStride, a2 = a1 + rowStride, a3 = a2 + rowStride, a4 = a3 + rowStride;
        float* a5 = a4 + rowStride, a6 = a5 + rowStride, a7 = a6 + rowStride;
        long at = 0;
        for (var p = 0; p < k; p++)
        {
            var x = Vector512.Load(b);
            b += ldb;
            s0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[at]), x, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Create(a1[at]), x, s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Create(a2[at]), x, s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Create(a3[at]), x, s3);
            s4 = Vector512.FusedMultiplyAdd(Vector512.Create(a4[at]), x, s4);
            s5 = Vector512.FusedMultiplyAdd(Vector512.Create(a5[at]), x, s5);
            s6 = Vector512.FusedMultiplyAdd(Vector512.Create(a6[at]), x, s6);
            s7 = Vector512.FusedMultiplyAdd(Vector512.Create(a7[at]), x, s7);
            at += stepStride;
        }
        Write(c, s0, count, add);
        Write(c + ldc, s1, count, add);
        Write(c + 2 * ldc, s2, count, add);
        Write(c + 3 * ldc, s3, count, add);
        Write(c + 4 * ldc, s4, count, add);
        Write(c + 5 * ldc, s5, count, add);
        Write(c + 6 * ldc, s6, count, add);
        Write(c + 7 * ldc, s7, count, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* c, Vector512<float> sum, int count, bool add)
        => Lanes.Store(add ? sum + Lanes.Load(c, count) : sum, c, count);

    // One row by up to 16 columns.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Strip(float* a, int stepStride, float* b, int ldb, float* c, int count, int k, bool add)
    {
        var sum = add ? Lanes.Load(c, count) : Vector512<float>.Zero;
        for (var p = 0; p < k; p++)
            sum = Vector512.FusedMultiplyAdd(Vector512.Create(a[(long)p * stepStride]), Lanes.Load(b + (long)p * ldb, count), sum);
        Lanes.Store(sum, c, count);
    }

    // 8 rows by 48 columns: 24 sums, 3 vectors of B and one of A fill the registers of AVX-512.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block(float* a, int rowStride, int stepStride, float* b, int ldb, float* c, int ldc, int k, bool add)
    {
        Vector512<float> s00 = default, s01 = default, s02 = default, s10 = default, s11 = default, s12 = default;
        Vector512<float> s20 = default, s21 = default, s22 = default, s30 = default, s31 = default, s32 = default;
        Vector512<float> s40 = default, s41 = default, s42 = default, s50 = default, s51 = default, s52 = default;
        Vector512<float> s60 = default, s61 = default, s62 = default, s70 = default, s71 = default, s72 = default;
        float* a0 = a, a1 = a0 + rowStride, a2 = a1 + rowStride, a3 = a2 + rowStride;
        float* a4 = a3 + rowStride, a5 = a4 + rowStride, a6 = a5 + rowStride, a7 = a6 + rowStride;
        long at = 0;
        for (var p = 0; p < k; p++)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16), b2 = Vector512.Load(b + 32);
            b += ldb;
            var x = Vector512.Create(a0[at]);
            s00 = Vector512.FusedMultiplyAdd(x, b0, s00);
            s01 = Vector512.FusedMultiplyAdd(x, b1, s01);
            s02 = Vector512.FusedMultiplyAdd(x, b2, s02);
            x = Vector512.Create(a1[at]);
            s10 = Vector512.FusedMultiplyAdd(x, b0, s10);
            s11 = Vector512.FusedMultiplyAdd(x, b1, s11);
            s12 = Vector512.FusedMultiplyAdd(x, b2, s12);
            x = Vector512.Create(a2[at]);
            s20 = Vector512.FusedMultiplyAdd(x, b0, s20);
            s21 = Vector512.FusedMultiplyAdd(x, b1, s21);
            s22 = Vector512.FusedMultiplyAdd(x, b2, s22);
            x = Vector512.Create(a3[at]);
            s30 = Vector512.FusedMultiplyAdd(x, b0, s30);
            s31 = Vector512.FusedMultiplyAdd(x, b1, s31);
            s32 = Vector512.FusedMultiplyAdd(x, b2, s32);
            x = Vector512.Create(a4[at]);
            s40 = Vector512.FusedMultiplyAdd(x, b0, s40);
            s41 = Vector512.FusedMultiplyAdd(x, b1, s41);
            s42 = Vector512.FusedMultiplyAdd(x, b2, s42);
            x = Vector512.Create(a5[at]);
            s50 = Vector512.FusedMultiplyAdd(x, b0, s50);
            s51 = Vector512.FusedMultiplyAdd(x, b1, s51);
            s52 = Vector512.FusedMultiplyAdd(x, b2, s52);
            x = Vector512.Create(a6[at]);
            s60 = Vector512.FusedMultiplyAdd(x, b0, s60);
            s61 = Vector512.FusedMultiplyAdd(x, b1, s61);
            s62 = Vector512.FusedMultiplyAdd(x, b2, s62);
            x = Vector512.Create(a7[at]);
            s70 = Vector512.FusedMultiplyAdd(x, b0, s70);
            s71 = Vector512.FusedMultiplyAdd(x, b1, s71);
            s72 = Vector512.FusedMultiplyAdd(x, b2, s72);
            at += stepStride;
        }
        Write(c, s00, s01, s02, add);
        Write(c + ldc, s10, s11, s12, add);
        Write(c + 2 * ldc, s20, s21, s22, add);
        Write(c + 3 * ldc, s30, s31, s32, add);
        Write(c + 4 * ldc, s40, s41, s42, add);
        Write(c + 5 * ldc, s50, s51, s52, add);
        Write(c + 6 * ldc, s60, s61, s62, add);
        Write(c + 7 * ldc, s70, s71, s72, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* c, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, bool add)
    {
        if (add)
        {
            s0 += Vector512.Load(c);
            s1 += Vector512.Load(c + 16);
            s2 += Vector512.Load(c + 32);
        }
        s0.Store(c);
        s1.Store(c + 16);
        s2.Store(c + 32);
    }
}
