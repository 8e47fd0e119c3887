using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using ConvexWeb.Training.Native;
using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>The one call into libtorch's dispatcher. Operators are named as in their schema: <c>aten::add.Tensor</c>.</summary>
internal static unsafe class Dispatch
{
    private const int MaxResults = 8;

    private static readonly ConcurrentDictionary<string, nint> Operators = new(StringComparer.Ordinal);

    /// <summary>Calls an operator that returns one tensor.</summary>
    public static Tensor Tensor(string op, params ReadOnlySpan<Argument> args)
    {
        var results = stackalloc NativeValue[MaxResults];
        var count = Call(op, args, results);
        if (count != 1 || results[0].Tag != ValueTag.Tensor)
        {
            Release(results, count);
            throw new InvalidOperationException($"{op} does not return one tensor.");
        }
        return new Tensor(new TensorHandle((nint)results[0].Bits));
    }

    /// <summary>Calls an operator for its effect on <paramref name="self"/> and returns that same object.</summary>
    public static Tensor InPlace(string op, Tensor self, params ReadOnlySpan<Argument> rest)
    {
        Span<Argument> args = new Argument[rest.Length + 1];
        args[0] = self;
        rest.CopyTo(args[1..]);
        var results = stackalloc NativeValue[MaxResults];
        Release(results, Call(op, args, results));
        return self;
    }

    /// <summary>Calls an operator that returns several tensors, or a list of them.</summary>
    public static Tensor[] Tensors(string op, params ReadOnlySpan<Argument> args)
    {
        var results = stackalloc NativeValue[MaxResults];
        var count = Call(op, args, results);
        var tensors = new List<Tensor>(count);
        for (var i = 0; i < count; i++)
        {
            if (results[i].Tag == ValueTag.Tensor) tensors.Add(new Tensor(new TensorHandle((nint)results[i].Bits)));
            else if (results[i].Tag == ValueTag.TensorList)
            {
                foreach (var handle in new ReadOnlySpan<nint>((void*)results[i].Bits, results[i].Length)) tensors.Add(new Tensor(new TensorHandle(handle)));
                NativeMethods.cw_list_free((nint)results[i].Bits);
            }
        }
        return [.. tensors];
    }

    /// <summary>Calls an operator that returns an int, a double or a bool.</summary>
    public static double Number(string op, params ReadOnlySpan<Argument> args)
    {
        var results = stackalloc NativeValue[MaxResults];
        var count = Call(op, args, results);
        if (count == 1 && results[0].Tag is ValueTag.Int or ValueTag.Bool) return results[0].Bits;
        if (count == 1 && results[0].Tag == ValueTag.Double) return BitConverter.Int64BitsToDouble(results[0].Bits);
        Release(results, count);
        throw new InvalidOperationException($"{op} does not return a number.");
    }

    private static void Release(NativeValue* results, int count)
    {
        for (var i = 0; i < count; i++)
        {
            if (results[i].Tag == ValueTag.Tensor) NativeMethods.cw_tensor_free((nint)results[i].Bits);
            else if (results[i].Tag == ValueTag.TensorList)
            {
                foreach (var handle in new ReadOnlySpan<nint>((void*)results[i].Bits, results[i].Length)) NativeMethods.cw_tensor_free(handle);
                NativeMethods.cw_list_free((nint)results[i].Bits);
            }
        }
    }

    // Lists are copied into one scratch block on the stack, so that nothing needs pinning; tensors are kept alive until the call is back.
    private static int Call(string op, ReadOnlySpan<Argument> args, NativeValue* results)
    {
        var handle = Find(op);
        var words = 0;
        foreach (var arg in args) words += ScratchWords(arg);
        var scratch = stackalloc long[words + 1];
        var values = stackalloc NativeValue[args.Length + 1];
        for (var i = 0; i < args.Length; i++) scratch = Write(args[i], values + i, scratch);
        var status = NativeMethods.cw_op_call(handle, values, args.Length, results, MaxResults, out var count);
        foreach (var arg in args) GC.KeepAlive(arg.Reference);
        NativeMethods.Check(status);
        return count;
    }

    private static nint Find(string op)
    {
        if (Operators.TryGetValue(op, out var known)) return known;
        var dot = op.IndexOf('.');
        var name = dot < 0 ? op : op[..dot];
        NativeMethods.Check(NativeMethods.cw_op_find(name, dot < 0 ? "" : op[(dot + 1)..], out var found));
        return Operators.GetOrAdd(op, found);
    }

    private static int ScratchWords(in Argument arg) => arg.Reference switch
    {
        long[] list => list.Length,
        double[] list => list.Length,
        Tensor?[] list => list.Length,
        string text => Encoding.UTF8.GetByteCount(text) / 8 + 1,
        _ => 0,
    };

    private static long* Write(in Argument arg, NativeValue* value, long* scratch)
    {
        value->Tag = arg.Tag;
        value->Length = 0;
        value->Bits = arg.Bits;
        switch (arg.Reference)
        {
            case Tensor tensor:
                value->Bits = tensor.Pointer;
                return scratch;
            case long[] list:
                list.CopyTo(new Span<long>(scratch, list.Length));
                value->Length = list.Length;
                break;
            case double[] list:
                MemoryMarshal.Cast<double, long>(list).CopyTo(new Span<long>(scratch, list.Length));
                value->Length = list.Length;
                break;
            case Tensor?[] list:
                for (var i = 0; i < list.Length; i++) scratch[i] = list[i]?.Pointer ?? 0;
                value->Length = list.Length;
                break;
            case string text:
                value->Length = Encoding.UTF8.GetBytes(text, new Span<byte>(scratch, ScratchWords(arg) * 8));
                break;
            default:
                return scratch;
        }
        value->Bits = (long)scratch;
        return scratch + ScratchWords(arg);
    }
}
