using System.Reflection;
using System.Runtime.InteropServices;

namespace ConvexWeb.Training.Native;

/// <summary>The C functions of <c>shim.h</c>, one to one. Status 0 is success; see <see cref="Check"/>.</summary>
internal static unsafe partial class NativeMethods
{
    private const string Library = "convex_native";

    // Debian's OpenBLAS with pthreads fights libtorch's OpenMP for the cores. Loaded first, the OpenMP build answers to the same name.
    private static readonly string[] PreferredBlas =
    [
        "/usr/lib/x86_64-linux-gnu/openblas-openmp/libblas.so.3",
        "/usr/lib/x86_64-linux-gnu/openblas-openmp/libopenblas.so.0",
    ];

    static NativeMethods()
    {
        NativeLibrary.SetDllImportResolver(typeof(NativeMethods).Assembly, Resolve);
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != Library) return 0;
        foreach (var blas in PreferredBlas)
            if (File.Exists(blas)) NativeLibrary.TryLoad(blas, out _);
        var file = Path.Combine(AppContext.BaseDirectory, "libconvex_native.so");
        try
        {
            return NativeLibrary.Load(file);
        }
        catch (DllNotFoundException e)
        {
            throw new DllNotFoundException(
                $"The tensor engine {file} cannot be loaded. Install Debian's libtorch-dev and libopenblas0-openmp (or set LIBTORCH) and build again. {e.Message}", e);
        }
    }

    /// <summary>Throws what libtorch said when <paramref name="status"/> is not 0.</summary>
    public static void Check(int status)
    {
        if (status != 0) Throw();
    }

    private static void Throw() => throw new LibtorchException(Marshal.PtrToStringUTF8(cw_last_error()) ?? "unknown native error");

    [LibraryImport(Library)] private static partial nint cw_last_error();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] public static partial int cw_op_find(string name, string overload, out nint op);
    [LibraryImport(Library)] public static partial int cw_op_call(nint op, NativeValue* args, int count, NativeValue* results, int capacity, out int resultCount);

    [LibraryImport(Library)] public static partial int cw_tensor_live(out long count);
    [LibraryImport(Library)] public static partial int cw_tensor_free(nint tensor);
    [LibraryImport(Library)] public static partial int cw_tensor_from_data(void* data, long* sizes, int dimensions, int type, out nint tensor);
    [LibraryImport(Library)] public static partial int cw_tensor_meta(nint tensor, long* sizes, int capacity, out int dimensions, out int type, out int deviceType, out int deviceIndex);
    [LibraryImport(Library)] public static partial int cw_tensor_data(nint tensor, out nint data);
    [LibraryImport(Library)] public static partial int cw_tensor_flags(nint tensor, out int requiresGrad, out int isLeaf, out int contiguous);
    [LibraryImport(Library)] public static partial int cw_list_free(nint list);

    [LibraryImport(Library)] public static partial int cw_requires_grad(nint tensor, int value);
    [LibraryImport(Library)] public static partial int cw_grad_get(nint tensor, out nint grad);
    [LibraryImport(Library)] public static partial int cw_grad_set(nint tensor, nint grad);
    [LibraryImport(Library)] public static partial int cw_backward(nint* tensors, nint* grads, int count, int retainGraph, int createGraph);
    [LibraryImport(Library)] public static partial int cw_grad_mode_get(out int enabled);
    [LibraryImport(Library)] public static partial int cw_grad_mode_set(int enabled);

    [LibraryImport(Library)] public static partial int cw_manual_seed(long seed);
    [LibraryImport(Library)] public static partial int cw_rng_get(out nint state);
    [LibraryImport(Library)] public static partial int cw_rng_set(nint state);
    [LibraryImport(Library)] public static partial int cw_threads_get(out int count);
    [LibraryImport(Library)] public static partial int cw_threads_set(int count);
    [LibraryImport(Library)] public static partial int cw_keep_memory();

    [LibraryImport(Library)] public static partial int cw_cuda_available(out int available);
    [LibraryImport(Library)] public static partial int cw_cuda_count(out int count);

    [LibraryImport(Library)]
    public static partial int cw_fused_sgd(StepItem* items, int count, double lr, double momentum, double weightDecay, int nesterov, double eps, long* negatives);

    [LibraryImport(Library)]
    public static partial int cw_fused_adam(
        StepItem* items, int count, long step, double lr, double beta1, double beta2, double adamEps, double weightDecay, int decoupled, double eps, long* negatives);

    [LibraryImport(Library)]
    public static partial int cw_batch_norm_act(nint x, nint gamma, nint beta, nint runningMean, nint runningVar, double momentum, double eps, long activation, out nint result);

    [LibraryImport(Library)] public static partial int cw_cycle_shift(nint x, int alongRow, out nint result);

    [LibraryImport(Library)] public static partial int cw_dropout(nint x, double p, out nint result);
    [LibraryImport(Library)] public static partial int cw_token_linear(nint x, nint weight, nint bias, out nint result);
    [LibraryImport(Library)] public static partial int cw_conv3x3(nint x, nint weight, nint bias, long activation, out nint result);

    [LibraryImport(Library)] public static partial int cw_gather_normalize(nint images, nint index, nint scale, nint shift, nint output);
}

/// <summary>One argument or result of a boxed call; layout of <c>cw_value</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeValue
{
    public ValueTag Tag;
    public int Length;

    /// <summary>The integer, the bits of the double, or the pointer.</summary>
    public long Bits;
}

internal enum ValueTag
{
    None = 0,
    Tensor = 1,
    Int = 2,
    Double = 3,
    Bool = 4,
    IntList = 5,
    DoubleList = 6,
    TensorList = 7,
    String = 8,
    Device = 9,
    BoolList = 10,
}

/// <summary>One parameter of a fused step; layout of <c>cw_step_item</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StepItem
{
    public nint Param;
    public nint Grad;
    public nint First;
    public nint Second;
    public int Constraint;
    public int Started;
}

/// <summary>What libtorch said when it refused: an unknown operator, a wrong shape, no memory left.</summary>
public sealed class LibtorchException(string message) : ExternalException(message);
