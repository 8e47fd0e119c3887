using System.Runtime.InteropServices;
using ConvexWeb.Training.Native;

namespace TorchSharp;

/// <summary>TorchSharp's entry class, only what the engine uses: factories, modes, threads and randomness.</summary>
public static partial class torch
{
    private static Tensor Make(Tensor tensor, bool requires_grad)
    {
        if (requires_grad) tensor.requires_grad = true;
        return tensor;
    }

    public static Tensor empty(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
        => Make(Dispatch.Tensor("aten::empty.memory_format", size, dtype, Argument.None, device), requires_grad);

    public static Tensor zeros(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
        => Make(Dispatch.Tensor("aten::zeros", size, dtype, Argument.None, device), requires_grad);

    public static Tensor zeros(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
        => zeros([size], dtype, device, requires_grad);

    public static Tensor ones(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
        => Make(Dispatch.Tensor("aten::ones", size, dtype, Argument.None, device), requires_grad);

    public static Tensor ones(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
        => ones([size], dtype, device, requires_grad);

    public static Tensor full(long[] size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
        => Make(Dispatch.Tensor("aten::full", size, value, dtype, Argument.None, device), requires_grad);

    public static Tensor rand(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null)
        => Make(Dispatch.Tensor("aten::rand", size, dtype, Argument.None, device), requires_grad);

    public static Tensor randn(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null)
        => Make(Dispatch.Tensor("aten::randn", size, dtype, Argument.None, device), requires_grad);

    public static Tensor arange(Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false)
        => Make(Dispatch.Tensor("aten::arange", stop, dtype, Argument.None, device), requires_grad);

    public static Tensor eye(long rows, long columns = -1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
        => Make(Dispatch.Tensor("aten::eye.m", rows, columns < 0 ? rows : columns, dtype, Argument.None, device), requires_grad);

    public static Tensor zeros_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
        => Make(Dispatch.Tensor("aten::zeros_like", input, dtype, Argument.None, device), requires_grad);

    public static Tensor empty_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
        => Make(Dispatch.Tensor("aten::empty_like", input, dtype, Argument.None, device), requires_grad);

    /// <summary>A tensor with the elements and shape of a managed array (any rank) of byte, int, long, float or double.</summary>
    public static unsafe Tensor from_array(Array rawArray, Device? device = null)
    {
        var sizes = new long[rawArray.Rank];
        for (var i = 0; i < sizes.Length; i++) sizes[i] = rawArray.GetLongLength(i);
        var type = rawArray switch
        {
            byte[] or byte[,] => ScalarType.Byte,
            _ when rawArray.GetType().GetElementType() == typeof(byte) => ScalarType.Byte,
            _ when rawArray.GetType().GetElementType() == typeof(int) => ScalarType.Int32,
            _ when rawArray.GetType().GetElementType() == typeof(long) => ScalarType.Int64,
            _ when rawArray.GetType().GetElementType() == typeof(float) => ScalarType.Float32,
            _ when rawArray.GetType().GetElementType() == typeof(double) => ScalarType.Float64,
            _ => throw new ArgumentException($"An array of {rawArray.GetType().GetElementType()!.Name} has no tensor form.", nameof(rawArray)),
        };
        var pin = GCHandle.Alloc(rawArray, GCHandleType.Pinned);
        try
        {
            fixed (long* shape = sizes)
            {
                NativeMethods.Check(NativeMethods.cw_tensor_from_data((void*)pin.AddrOfPinnedObject(), shape, sizes.Length, (int)type, out var made));
                var tensor = new Tensor(new TensorHandle(made));
                return device is null || device.type == DeviceType.CPU ? tensor : tensor.to(device, disposeAfter: true);
            }
        }
        finally
        {
            pin.Free();
        }
    }

    public static Tensor cat(Tensor[] tensors, long dim = 0) => Dispatch.Tensor("aten::cat", tensors, dim);
    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0) => Dispatch.Tensor("aten::stack", tensors.ToArray(), dim);
    public static Tensor where(Tensor condition, Tensor x, Tensor y) => Dispatch.Tensor("aten::where.self", condition, x, y);

    public static IDisposable no_grad() => new GradMode(false);
    public static IDisposable enable_grad(bool enabled = true) => new GradMode(enabled);

    public static bool is_grad_enabled()
    {
        NativeMethods.Check(NativeMethods.cw_grad_mode_get(out var enabled));
        return enabled != 0;
    }

    public static void set_num_threads(int num) => NativeMethods.Check(NativeMethods.cw_threads_set(num));

    public static int get_num_threads()
    {
        NativeMethods.Check(NativeMethods.cw_threads_get(out var count));
        return count;
    }

    public static Generator manual_seed(long seed) => Generator.Default.manual_seed(seed);

    public static bool cuda_is_available() => cuda.is_available();

    public static class cuda
    {
        public static bool is_available()
        {
            NativeMethods.Check(NativeMethods.cw_cuda_available(out var available));
            return available != 0;
        }

        public static int device_count()
        {
            NativeMethods.Check(NativeMethods.cw_cuda_count(out var count));
            return count;
        }
    }

    public static class linalg
    {
        /// <summary>Eigenvalues (ascending) and eigenvectors (columns) of a symmetric matrix.</summary>
        public static (Tensor, Tensor) eigh(Tensor input, char UPLO = 'L')
        {
            var results = Dispatch.Tensors("aten::linalg_eigh", input, UPLO.ToString());
            return (results[0], results[1]);
        }
    }

    /// <summary>The default random generator of the CPU.</summary>
    public sealed class Generator
    {
        private Generator()
        {
        }

        public static Generator Default { get; } = new();

        public Generator manual_seed(long seed)
        {
            NativeMethods.Check(NativeMethods.cw_manual_seed(seed));
            return this;
        }

        public Tensor get_state()
        {
            NativeMethods.Check(NativeMethods.cw_rng_get(out var state));
            return new Tensor(new TensorHandle(state));
        }

        public void set_state(Tensor value)
        {
            NativeMethods.Check(NativeMethods.cw_rng_set(value.Pointer));
            GC.KeepAlive(value);
        }
    }

    private sealed class GradMode : IDisposable
    {
        private readonly bool before = is_grad_enabled();

        public GradMode(bool enabled) => NativeMethods.Check(NativeMethods.cw_grad_mode_set(enabled ? 1 : 0));

        public void Dispose() => NativeMethods.Check(NativeMethods.cw_grad_mode_set(before ? 1 : 0));
    }
}
