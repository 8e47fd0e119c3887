using System.Buffers.Binary;
using System.Text;

namespace ConvexWeb.Training.Data;

/// <summary>A numpy array out of a pickle: values in C order.</summary>
internal sealed class PickledArray
{
    public int[] Shape { get; set; } = [];
    public PickledType? Type { get; set; }
    public ReadOnlyMemory<byte> Data { get; set; }
}

/// <summary>A numpy type: its letter (u or i) and the bytes of a value, little-endian.</summary>
internal sealed record PickledType(char Kind, int Size)
{
    public long At(ReadOnlySpan<byte> data, int index)
    {
        var value = data.Slice(index * Size, Size);
        return (Kind, Size) switch
        {
            ('u', 1) => value[0],
            ('i', 1) => (sbyte)value[0],
            ('u', 2) => BinaryPrimitives.ReadUInt16LittleEndian(value),
            ('i', 2) => BinaryPrimitives.ReadInt16LittleEndian(value),
            ('u', 4) => BinaryPrimitives.ReadUInt32LittleEndian(value),
            ('i', 4) => BinaryPrimitives.ReadInt32LittleEndian(value),
            _ => BinaryPrimitives.ReadInt64LittleEndian(value),
        };
    }
}

/// <summary>
/// Reads the one layout of pickle that CIFAR's Python files have: a dict of texts, bytes, lists, whole numbers and numpy arrays of whole
/// numbers, as Python 2 and 3 write it with protocols 2 to 4. It is data from beginning to end: nothing is imported, looked up or called.
/// The five names that numpy's arrays and Python 3's bytes are made with are known by spelling,
/// and stand for what is done here; any other name, and any other opcode, is refused by its name.
/// </summary>
internal sealed class PickleReader(ReadOnlyMemory<byte> data)
{
    private enum Known
    {
        Reconstruct,
        Scalar,
        Array,
        Type,
        Encode,
    }

    private static readonly Dictionary<string, Known> Names = new()
    {
        ["numpy.core.multiarray _reconstruct"] = Known.Reconstruct,
        ["numpy._core.multiarray _reconstruct"] = Known.Reconstruct,
        ["numpy.core.multiarray scalar"] = Known.Scalar,
        ["numpy._core.multiarray scalar"] = Known.Scalar,
        ["numpy ndarray"] = Known.Array,
        ["numpy dtype"] = Known.Type,
        ["_codecs encode"] = Known.Encode,
    };

    // The opcodes that are not read, for the message.
    private static readonly (char Code, string Name)[] Refused =
    [
        ('0', "POP"), ('1', "POP_MARK"), ('2', "DUP"), ('F', "FLOAT"), ('I', "INT"), ('L', "LONG"), ('P', "PERSID"), ('Q', "BINPERSID"),
        ('S', "STRING"), ('V', "UNICODE"), ('d', "DICT"), ('g', "GET"), ('i', "INST"), ('l', "LIST"), ('o', "OBJ"), ('p', "PUT"),
        ('G', "BINFLOAT"), ('\x81', "NEWOBJ"), ('\x82', "EXT1"), ('\x83', "EXT2"), ('\x84', "EXT4"), ('\x8b', "LONG4"),
        ('\x8d', "BINUNICODE8"), ('\x8e', "BINBYTES8"), ('\x8f', "EMPTY_SET"), ('\x90', "ADDITEMS"), ('\x91', "FROZENSET"),
        ('\x92', "NEWOBJ_EX"), ('\x96', "BYTEARRAY8"), ('\x97', "NEXT_BUFFER"), ('\x98', "READONLY_BUFFER"),
    ];

    private static readonly object Mark = new();

    private readonly List<object?> stack = [];
    private readonly Dictionary<long, object?> memo = [];
    private int position;

    /// <summary>
    /// The dict. Its texts are <see cref="ReadOnlyMemory{T}"/> of bytes,
    /// its numbers long, its lists <see cref="List{T}"/>.
    /// </summary>
    /// <exception cref="InvalidDataException">It is another layout; the message names what was met.</exception>
    public Dictionary<string, object?> Read()
    {
        try
        {
            while (true)
            {
                var at = position;
                var op = (char)Take(1)[0];
                if (op == '.') break;
                Step(op, at);
            }
        }
        catch (Exception e) when (e is ArgumentException or IndexOutOfRangeException or InvalidCastException
            or NullReferenceException or OverflowException or KeyNotFoundException)
        {
            throw new InvalidDataException($"what stands before byte {position:N0} of the pickle does not fit together", e);
        }
        return stack is [Dictionary<string, object?> read] ? read : throw new InvalidDataException("the pickle is not one dict");
    }

    private void Step(char op, int at)
    {
        switch (op)
        {
            case '\x80': // PROTO
                if (Take(1)[0] is not (>= 2 and <= 4)) throw new InvalidDataException("the pickle is not of protocol 2, 3 or 4");
                break;
            case '\x95': Take(8); break; // FRAME
            case '(': stack.Add(Mark); break;
            case 'N': stack.Add(null); break;
            case '\x88': stack.Add(true); break;
            case '\x89': stack.Add(false); break;
            case 'K': stack.Add((long)Take(1)[0]); break; // BININT1
            case 'M': stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break; // BININT2
            case 'J': stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break; // BININT
            case '\x8a': stack.Add(Long(Take(Take(1)[0]))); break; // LONG1
            case 'U' or 'C' or '\x8c': stack.Add(Text(Take(1)[0])); break; // SHORT_BINSTRING, SHORT_BINBYTES, SHORT_BINUNICODE
            case 'T' or 'B' or 'X': stack.Add(Text(Size())); break; // BINSTRING, BINBYTES, BINUNICODE
            case '}': stack.Add(new Dictionary<string, object?>()); break;
            case ']': stack.Add(new List<object?>()); break;
            case ')': stack.Add(Array.Empty<object?>()); break;
            case 't': stack.Add(PopMark()); break; // TUPLE
            case '\x85' or '\x86' or '\x87': stack.Add(PopLast(op - '\x84')); break; // TUPLE1 to TUPLE3
            case 'q': memo[Take(1)[0]] = stack[^1]; break; // BINPUT
            case 'r': memo[Size()] = stack[^1]; break; // LONG_BINPUT
            case '\x94': memo[memo.Count] = stack[^1]; break; // MEMOIZE
            case 'h': stack.Add(memo[Take(1)[0]]); break; // BINGET
            case 'j': stack.Add(memo[Size()]); break; // LONG_BINGET
            case 'a': Append(PopLast(1)); break;
            case 'e': Append(PopMark()); break;
            case 's': Set(PopLast(2)); break;
            case 'u': Set(PopMark()); break;
            case 'c': stack.Add(Name(Line(), Line())); break; // GLOBAL
            case '\x93': // STACK_GLOBAL
                var names = PopLast(2);
                stack.Add(Name(Latin(names[0]), Latin(names[1])));
                break;
            case 'R': Reduce(); break;
            case 'b': Build(); break;
            default:
                var name = Refused.FirstOrDefault(r => r.Code == op).Name ?? $"0x{(int)op:x2}";
                throw new InvalidDataException($"byte {at:N0} of the pickle is the opcode {name}, which these files do not have");
        }
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > data.Length - position) throw new EndOfStreamException("the pickle is cut short");
        position += count;
        return data.Span.Slice(position - count, count);
    }

    private ReadOnlyMemory<byte> Text(int count)
    {
        Take(count);
        return data.Slice(position - count, count);
    }

    private int Size()
    {
        var size = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
        return size <= int.MaxValue ? (int)size : throw new EndOfStreamException("the pickle is cut short");
    }

    private static long Long(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 8) throw new InvalidDataException("the pickle holds a number of more than 8 bytes");
        var value = bytes is [.., >= 0x80] ? -1L : 0;
        for (var i = bytes.Length - 1; i >= 0; i--) value = value << 8 | bytes[i];
        return value;
    }

    private string Line()
    {
        var length = data.Span[position..].IndexOf((byte)'\n');
        if (length is < 0 or > 200) throw new InvalidDataException("a name in the pickle has no end");
        return Encoding.ASCII.GetString(Take(length + 1)[..^1]);
    }

    private static string Latin(object? text) => Encoding.Latin1.GetString(((ReadOnlyMemory<byte>)text!).Span);

    private static object Name(string module, string name)
        => Names.TryGetValue($"{module} {name}", out var known) ? known
            : throw new InvalidDataException($"the pickle names {module}.{name}, which these files do not have and which is not looked up");

    private object?[] PopLast(int count)
    {
        var popped = stack[^count..].ToArray();
        if (popped.Contains(Mark)) throw new InvalidDataException("the pickle's marks do not match");
        stack.RemoveRange(stack.Count - count, count);
        return popped;
    }

    private object?[] PopMark()
    {
        var mark = stack.LastIndexOf(Mark);
        if (mark < 0) throw new InvalidDataException("the pickle's marks do not match");
        var popped = stack[(mark + 1)..].ToArray();
        stack.RemoveRange(mark, stack.Count - mark);
        return popped;
    }

    private void Append(object?[] items) => ((List<object?>)stack[^1]!).AddRange(items);

    private void Set(object?[] items)
    {
        var dict = (Dictionary<string, object?>)stack[^1]!;
        for (var i = 0; i < items.Length; i += 2) dict[Latin(items[i])] = items[i + 1];
    }

    private void Reduce()
    {
        var call = PopLast(2);
        var arguments = (object?[])call[1]!;
        stack.Add(call[0] switch
        {
            Known.Reconstruct when arguments is [Known.Array, object?[], _] => new PickledArray(),
            Known.Type when arguments is [ReadOnlyMemory<byte> name, ..] => TypeOf(Encoding.Latin1.GetString(name.Span)),
            Known.Scalar when arguments is [PickledType type, ReadOnlyMemory<byte> value] && value.Length == type.Size
                => type.At(value.Span, 0),
            Known.Encode when arguments is [ReadOnlyMemory<byte> text, ReadOnlyMemory<byte> coding] && Latin(coding) is "latin1"
                => Narrow(text.Span),
            _ => throw new InvalidDataException("the pickle makes something that is neither an array, a type nor bytes"),
        });
    }

    private static PickledType TypeOf(string name)
        => name is ['u' or 'i', '1' or '2' or '4'] or "i8"
            ? new(name[0], name[1] - '0')
            : throw new InvalidDataException($"the pickle holds an array of the type {name}, not of whole numbers");

    // Protocol 2 has no bytes: Python 3 writes them as a text whose characters are the bytes.
    private static ReadOnlyMemory<byte> Narrow(ReadOnlySpan<byte> utf8)
    {
        var text = Encoding.UTF8.GetString(utf8);
        return text.All(c => c <= 0xFF)
            ? Encoding.Latin1.GetBytes(text)
            : throw new InvalidDataException("the pickle's bytes hold a character that is no byte");
    }

    private void Build()
    {
        var state = (object?[])PopLast(1)[0]!;
        switch (stack[^1])
        {
            // Version, byte order ('|' is none, '<' little-endian), and what structured types have.
            case PickledType type when state is [long, ReadOnlyMemory<byte> order, null, null, null, ..]
                && (Latin(order) == "<" || (Latin(order) == "|" && type.Size == 1)):
                break;
            case PickledType: throw new InvalidDataException("the pickle holds an array whose type is neither plain nor little-endian");
            case PickledArray array when state is [long, object?[] shape, PickledType type, false, ReadOnlyMemory<byte> bytes]:
                array.Shape = [.. shape.Select(s => checked((int)(long)s!))];
                if (array.Shape.Any(s => s < 0)
                    || array.Shape.Aggregate((long)type.Size, (product, s) => checked(product * s)) != bytes.Length)
                    throw new InvalidDataException($"the pickle's array of {string.Join("×", array.Shape)} holds {bytes.Length:N0} bytes");
                (array.Type, array.Data) = (type, bytes);
                break;
            default: throw new InvalidDataException("the pickle sets the state of something that is not a plain array in C order");
        }
    }
}
