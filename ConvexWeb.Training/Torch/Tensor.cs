using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using ConvexWeb.Training.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A handle on one libtorch tensor: its life, its shape and its bytes. Operators are in the files beside.</summary>
    [SuppressMessage("Naming", "CA1711", Justification = "TorchSharp's name")]
    public partial class Tensor : IDisposable
    {
        private TensorHandle handle;

        internal Tensor(TensorHandle handle)
        {
            this.handle = handle;
            DisposeScope.Current?.Attach(this);
        }

        /// <summary>Moves the native tensor out of <paramref name="from"/>, which counts as disposed from then on.</summary>
        internal static TensorHandle Take(Tensor from)
        {
            var taken = from.handle;
            from.Scope?.MarkAsDisposed(from);
            from.Scope = null;
            from.handle = new TensorHandle(0);
            return taken;
        }

        /// <summary>Replaces the native tensor under this object, keeping whether it wants a gradient.</summary>
        internal void Adopt(Tensor replacement)
        {
            var wants = requires_grad;
            handle.Dispose();
            handle = Take(replacement);
            if (wants) requires_grad = true;
        }

        internal DisposeScope? Scope { get; set; }

        internal nint Pointer => handle.Pointer;

        /// <summary>Native tensors that nothing has freed yet, over all threads.</summary>
        public static long TotalCount
        {
            get
            {
                NativeMethods.Check(NativeMethods.cw_tensor_live(out var count));
                return count;
            }
        }

        public bool IsInvalid => handle.IsClosed || handle.IsInvalid;

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            if (!disposing) return;
            Scope?.MarkAsDisposed(this);
            Scope = null;
            handle.Dispose();
        }

        public Tensor DetachFromDisposeScope()
        {
            Scope?.Detach(this);
            return this;
        }

        public Tensor MoveToOuterDisposeScope()
        {
            Scope?.MoveToOuter(this);
            return this;
        }

        private unsafe (long[] Shape, ScalarType Type, Device Device) Meta()
        {
            const int room = 16;
            var sizes = stackalloc long[room];
            NativeMethods.Check(NativeMethods.cw_tensor_meta(Pointer, sizes, room, out var dimensions, out var type, out var deviceType, out var deviceIndex));
            GC.KeepAlive(this);
            return (new ReadOnlySpan<long>(sizes, dimensions).ToArray(), (ScalarType)type, new Device((DeviceType)deviceType, deviceIndex));
        }

        public long[] shape => Meta().Shape;
        public ScalarType dtype => Meta().Type;
        public Device device => Meta().Device;
        public DeviceType device_type => Meta().Device.type;
        public long ndim => shape.Length;
        public long dim() => shape.Length;
        public long NumberOfElements => numel();
        public long numel() => shape.Aggregate(1L, (product, size) => product * size);
        public long[] size() => shape;

        public long size(int dim)
        {
            var sizes = shape;
            return sizes[dim < 0 ? sizes.Length + dim : dim];
        }

        private (bool RequiresGrad, bool Leaf, bool Contiguous) Flags()
        {
            NativeMethods.Check(NativeMethods.cw_tensor_flags(Pointer, out var requiresGrad, out var leaf, out var contiguous));
            GC.KeepAlive(this);
            return (requiresGrad != 0, leaf != 0, contiguous != 0);
        }

        public bool is_leaf => Flags().Leaf;
        public bool is_contiguous() => Flags().Contiguous;

        public bool requires_grad
        {
            get => Flags().RequiresGrad;
            set
            {
                NativeMethods.Check(NativeMethods.cw_requires_grad(Pointer, value ? 1 : 0));
                GC.KeepAlive(this);
            }
        }

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        /// <summary>The accumulated gradient, or null.</summary>
        public Tensor? grad
        {
            get
            {
                NativeMethods.Check(NativeMethods.cw_grad_get(Pointer, out var found));
                GC.KeepAlive(this);
                return found == 0 ? null : new Tensor(new TensorHandle(found));
            }
            set
            {
                NativeMethods.Check(NativeMethods.cw_grad_set(Pointer, value?.Pointer ?? 0));
                GC.KeepAlive(this);
                GC.KeepAlive(value);
            }
        }

        public void backward()
        {
            unsafe
            {
                var self = Pointer;
                NativeMethods.Check(NativeMethods.cw_backward(&self, null, 1, 0, 0));
                GC.KeepAlive(this);
            }
        }

        public void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null)
        {
            if (inputs is not null) throw new NotSupportedException("backward with inputs is not bound.");
            unsafe
            {
                var self = Pointer;
                var seed = grad_tensors is { Count: > 0 } ? grad_tensors[0].Pointer : 0;
                NativeMethods.Check(NativeMethods.cw_backward(&self, seed == 0 ? null : &seed, 1, retain_graph ? 1 : 0, create_graph ? 1 : 0));
                GC.KeepAlive(this);
                GC.KeepAlive(grad_tensors);
            }
        }

        /// <summary>The elements of a contiguous CPU tensor as raw bytes. Valid as long as the tensor lives.</summary>
        public unsafe Span<byte> bytes
        {
            get
            {
                NativeMethods.Check(NativeMethods.cw_tensor_data(Pointer, out var data));
                var (sizes, type, _) = Meta();
                return new Span<byte>((void*)data, checked((int)(sizes.Aggregate(1L, (p, s) => p * s) * SizeOf(type))));
            }
            set
            {
                if (value.Length != bytes.Length) throw new ArgumentException($"The tensor holds {bytes.Length} bytes; got {value.Length}.", nameof(value));
                value.CopyTo(bytes);
            }
        }

        public long element_size() => SizeOf(dtype);

        /// <summary>The value of a tensor of one element.</summary>
        public T item<T>() where T : unmanaged
        {
            if (numel() != 1) throw new InvalidOperationException($"item() needs one element; the tensor has {numel()}.");
            using var here = Dispatch.Tensor("aten::to.dtype_layout", this, Argument.None, Argument.None, new Device(DeviceType.CPU), Argument.None, false, false, Argument.None);
            using var flat = here.contiguous();
            var have = flat.dtype;
            if (SizeOf(have) != Unsafe.SizeOf<T>()) throw new ArgumentException($"The tensor holds {have}, not {typeof(T).Name}.");
            return Unsafe.ReadUnaligned<T>(ref flat.bytes[0]);
        }

        internal static int SizeOf(ScalarType type) => type switch
        {
            ScalarType.Byte or ScalarType.Int8 or ScalarType.Bool => 1,
            ScalarType.Int16 or ScalarType.Float16 or ScalarType.BFloat16 => 2,
            ScalarType.Int32 or ScalarType.Float32 => 4,
            ScalarType.Int64 or ScalarType.Float64 => 8,
            _ => throw new NotSupportedException(type.ToString()),
        };

        public override string ToString() => IsInvalid ? "disposed" : $"[{string.Join("x", shape)}], type = {dtype}, device = {device}";
    }
}
