using System.Runtime.InteropServices;
using TorchSharp;

namespace ConvexWeb.Training.Kernels;

/// <summary>
/// What TorchSharp 0.107 does not offer: every foreign function of the tensor engine stands here. Symbols of libtorch 2.10 are looked up by
/// name; where a library lacks one, its caller falls back to plain operators.
/// </summary>
internal static unsafe partial class LibtorchNative
{
    // libtorch_cpu is in the process once TorchSharp has started. A lookup in it goes through its dependencies as well, libgomp among them.
    private static readonly nint Cpu = LoadCpu();

    /// <summary>
    /// GOMP_parallel(body, state, threads, flags) of libgomp: runs body(state) on that many threads of libtorch's own team.
    /// </summary>
    public static readonly delegate* unmanaged<delegate* unmanaged<void*, void>, void*, uint, uint, void> Parallel =
        (delegate* unmanaged<delegate* unmanaged<void*, void>, void*, uint, uint, void>)Find("GOMP_parallel");

    /// <summary>The number of the calling thread in its team, and the size of that team.</summary>
    public static readonly delegate* unmanaged[SuppressGCTransition]<int> ThreadNumber =
        (delegate* unmanaged[SuppressGCTransition]<int>)Find("omp_get_thread_num");
    public static readonly delegate* unmanaged[SuppressGCTransition]<int> TeamSize =
        (delegate* unmanaged[SuppressGCTransition]<int>)Find("omp_get_num_threads");

    /// <summary>How many threads the next team may have; <c>torch.set_num_threads</c> sets it.</summary>
    public static readonly delegate* unmanaged[SuppressGCTransition]<int> MaxThreads =
        (delegate* unmanaged[SuppressGCTransition]<int>)Find("omp_get_max_threads");

    /// <summary>BLAS: C = alpha · op(A) · op(B) + beta · C, column by column in memory.</summary>
    public static readonly delegate* unmanaged<
        byte*, byte*, int*, int*, int*, double*, double*, int*, double*, int*, double*, double*, int*, void> Dgemm =
        (delegate* unmanaged<
            byte*, byte*, int*, int*, int*, double*, double*, int*, double*, int*, double*, double*, int*, void>)Find("dgemm_");

    /// <summary>at::globalContext().</summary>
    private static readonly delegate* unmanaged<void*> GlobalContext = (delegate* unmanaged<void*>)Find("_ZN2at13globalContextEv");

    /// <summary>at::Context::setFloat32Precision(backend, operator, precision).</summary>
    private static readonly delegate* unmanaged<void*, int, int, int, void> SetFloat32Precision =
        (delegate* unmanaged<void*, int, int, int, void>)Find(
            "_ZN2at7Context19setFloat32PrecisionENS_14Float32BackendENS_9Float32OpENS_16Float32PrecisionE");

    /// <summary>
    /// at::autocast::set_autocast_enabled(device, on), set_autocast_dtype(device, type) and clear_cache(), for the calling thread.
    /// </summary>
    public static readonly delegate* unmanaged<sbyte, byte, void> SetAutocast =
        (delegate* unmanaged<sbyte, byte, void>)Find("_ZN2at8autocast20set_autocast_enabledEN3c1010DeviceTypeEb");
    public static readonly delegate* unmanaged<sbyte, sbyte, void> SetAutocastType =
        (delegate* unmanaged<sbyte, sbyte, void>)Find("_ZN2at8autocast18set_autocast_dtypeEN3c1010DeviceTypeENS1_10ScalarTypeE");
    public static readonly delegate* unmanaged<void> ClearAutocast = (delegate* unmanaged<void>)Find("_ZN2at8autocast11clear_cacheEv");

    /// <summary>Whether kernels can run on libtorch's threads.</summary>
    public static bool HasTeam => Parallel != null && ThreadNumber != null && TeamSize != null && MaxThreads != null;

    public static bool HasBlas => Dgemm != null;

    public static bool HasAutocast => SetAutocast != null && SetAutocastType != null && ClearAutocast != null;

    public static bool HasPrecisionSwitch => GlobalContext != null && SetFloat32Precision != null;

    /// <summary>
    /// Where a tensor's elements start. The caller keeps the tensor alive and has checked type, size and layout: a pointer checks nothing.
    /// </summary>
    public static void* Data(torch.Tensor tensor) => (void*)THSTensor_data(tensor.Handle);

    /// <summary>Lets float32 products on the CPU be computed at bfloat16 precision by oneDNN, or as usual.</summary>
    public static void AllowReducedProducts(bool allow)
    {
        // Float32Backend::MKLDNN, Float32Op::MATMUL, Float32Precision::BF16 or ::NONE of ATen/Context.h.
        const int mkldnn = 2, matmul = 3, bf16 = 3, none = 0;
        SetFloat32Precision(GlobalContext(), mkldnn, matmul, allow ? bf16 : none);
    }

    /// <summary>mallopt(3) of glibc.</summary>
    [LibraryImport("libc", EntryPoint = "mallopt")]
    public static partial int SetMallocOption(int option, int value);

    /// <summary>_exit(2): ends the process without destructors, which would run under threads that still compute.</summary>
    [LibraryImport("libc", EntryPoint = "_exit")]
    public static partial void ExitAtOnce(int code);

    // 12 ns where Tensor.bytes takes 94 and Tensor.data<T>() 580.
    [LibraryImport("LibTorchSharp")]
    [SuppressGCTransition]
    private static partial nint THSTensor_data(nint tensor);

    private static nint LoadCpu()
    {
        // Starts TorchSharp, which loads its libraries.
        torch.InitializeDeviceType(DeviceType.CPU);
        var library = NativeLibrary.Load("libtorch_cpu.so", typeof(torch).Assembly, null);
        SwitchOffNnpack(library);
        return library;
    }

    // For small convolutions; it writes a warning for each of them on processors that it does not support.
    private static void SwitchOffNnpack(nint library)
    {
        if (NativeLibrary.TryGetExport(library, "_ZN2at13globalContextEv", out var context)
            && NativeLibrary.TryGetExport(library, "_ZN2at7Context20setUserEnabledNNPACKEb", out var enable))
            ((delegate* unmanaged<void*, byte, void>)enable)(((delegate* unmanaged<void*>)context)(), 0);
    }

    private static nint Find(string symbol) => NativeLibrary.TryGetExport(Cpu, symbol, out var address) ? address : 0;
}
