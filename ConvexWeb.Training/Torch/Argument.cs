using ConvexWeb.Training.Native;
using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>One argument of a boxed call, made implicitly from what the operators take.</summary>
internal readonly struct Argument
{
    private Argument(ValueTag tag, long bits, object? reference = null)
    {
        Tag = tag;
        Bits = bits;
        Reference = reference;
    }

    public ValueTag Tag { get; }
    public long Bits { get; }

    /// <summary>The tensor, array or text behind a pointer argument.</summary>
    public object? Reference { get; }

    public static Argument None => default;

    public static implicit operator Argument(Tensor? value) => value is null ? default : new(ValueTag.Tensor, 0, value);
    public static implicit operator Argument(long value) => new(ValueTag.Int, value);
    public static implicit operator Argument(int value) => new(ValueTag.Int, value);
    public static implicit operator Argument(long? value) => value is { } v ? v : default(Argument);
    public static implicit operator Argument(double value) => new(ValueTag.Double, BitConverter.DoubleToInt64Bits(value));
    public static implicit operator Argument(bool value) => new(ValueTag.Bool, value ? 1 : 0);
    public static implicit operator Argument(long[]? value) => value is null ? default : new(ValueTag.IntList, 0, value);
    public static implicit operator Argument(double[]? value) => value is null ? default : new(ValueTag.DoubleList, 0, value);
    public static implicit operator Argument(Tensor?[] value) => new(ValueTag.TensorList, 0, value);
    public static implicit operator Argument(string? value) => value is null ? default : new(ValueTag.String, 0, value);
    public static implicit operator Argument(ScalarType value) => new(ValueTag.Int, (long)value);
    public static implicit operator Argument(ScalarType? value) => value is { } v ? v : default(Argument);
    public static implicit operator Argument(Device? value) => value is null ? default : new(ValueTag.Device, (long)value.index << 32 | (byte)value.type);
    public static implicit operator Argument(Scalar? value) => value?.Value ?? default;
}
