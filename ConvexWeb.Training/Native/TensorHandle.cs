using System.Runtime.InteropServices;

namespace ConvexWeb.Training.Native;

/// <summary>Owns one <c>at::Tensor*</c>. A tensor that nobody disposed is freed by the finalizer.</summary>
internal sealed class TensorHandle : SafeHandle
{
    public TensorHandle(nint handle) : base(0, ownsHandle: true) => SetHandle(handle);

    public override bool IsInvalid => handle == 0;

    /// <summary>The pointer; throws when the tensor was disposed. Keep the owner alive over the native call.</summary>
    public nint Pointer
    {
        get
        {
            return IsClosed ? throw new ObjectDisposedException("Tensor") : handle;
        }
    }

    protected override bool ReleaseHandle() => NativeMethods.cw_tensor_free(handle) == 0;
}
