using System.Runtime.InteropServices;

namespace TorchSharp.Utils;

/// <summary>Reads a tensor's elements in row-major order.</summary>
public sealed class TensorAccessor<T> where T : unmanaged
{
    private readonly T[] values;

    internal TensorAccessor(torch.Tensor tensor)
    {
        using var here = tensor.contiguous();
        if (here.element_size() != Marshal.SizeOf<T>()) throw new ArgumentException($"The tensor holds {here.dtype}, not {typeof(T).Name}.");
        values = MemoryMarshal.Cast<byte, T>(here.bytes).ToArray();
    }

    public long Count => values.Length;

    public T[] ToArray() => values;
}
