namespace ConvexWeb.Training.Kernels;

/// <summary>The BLAS inside libtorch, for products too small to be worth a call through its dispatcher.</summary>
internal static unsafe class Gemm
{
    private const byte AsIs = (byte)'N', Turned = (byte)'T';

    /// <summary>C [m, n] = op(A) · op(B) + beta · C, row by row in memory and dense. op(A) is [m, k], stored as [k, m] where transposed; likewise op(B) [k, n].</summary>
    public static void Multiply<T>(bool transposeA, bool transposeB, int m, int n, int k, T* a, T* b, T beta, T* c) where T : unmanaged
    {
        // BLAS counts columns: it is given Cᵀ = op(B)ᵀ · op(A)ᵀ.
        byte first = transposeB ? Turned : AsIs, second = transposeA ? Turned : AsIs;
        int lda = transposeB ? k : n, ldb = transposeA ? m : k;
        if (typeof(T) == typeof(float))
        {
            var one = 1f;
            LibtorchNative.Sgemm(&first, &second, &n, &m, &k, &one, (float*)b, &lda, (float*)a, &ldb, (float*)&beta, (float*)c, &n);
        }
        else
        {
            var one = 1.0;
            LibtorchNative.Dgemm(&first, &second, &n, &m, &k, &one, (double*)b, &lda, (double*)a, &ldb, (double*)&beta, (double*)c, &n);
        }
    }
}
