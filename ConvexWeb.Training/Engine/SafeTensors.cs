using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Files;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>
/// The safetensors format: 8 bytes little-endian length, a JSON header of that length,
/// then the tensors' bytes. No code is ever loaded from a file.
/// </summary>
public static class SafeTensors
{
    private const int MaxDimensions = 8;

    /// <summary>What the name of a file ends with while it is written.</summary>
    internal const string Half = ".tmp";

    private static readonly (string Name, ScalarType Type, int Bytes)[] Types =
    [
        ("F32", ScalarType.Float32, 4), ("F64", ScalarType.Float64, 8), ("I64", ScalarType.Int64, 8),
        ("I32", ScalarType.Int32, 4), ("U8", ScalarType.Byte, 1), ("BOOL", ScalarType.Bool, 1),
    ];

    /// <summary>Writes beside the target and renames, so that a crash leaves the old file or the new one, never half of one.</summary>
    public static void Save(string path, IEnumerable<(string Name, Tensor Value)> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var ready = tensors.Select(t => (t.Name, Value: t.Value.detach().cpu().contiguous())).ToList();
        var stored = new JsonObject(metadata.Select(m => KeyValuePair.Create(m.Key, (JsonNode?)m.Value)));
        var header = new JsonObject { [SafeTensorsHeader.MetadataName] = stored };
        var offset = 0L;
        foreach (var (name, value) in ready)
        {
            var bytes = value.numel() * value.element_size();
            header[name] = new JsonObject
            {
                ["dtype"] = Types.First(t => t.Type == value.dtype).Name,
                ["shape"] = new JsonArray([.. value.shape.Select(s => (JsonNode)s)]),
                ["data_offsets"] = new JsonArray(offset, offset + bytes),
            };
            offset += bytes;
        }
        var json = JsonSerializer.SerializeToUtf8Bytes(header);
        var padded = (json.Length + 7) / 8 * 8;

        var temporary = path + Half;
        try
        {
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                Span<byte> length = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(length, padded);
                file.Write(length);
                file.Write(json);
                for (var i = json.Length; i < padded; i++) file.WriteByte((byte)' ');
                foreach (var (_, value) in ready) file.Write(value.bytes);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            // On a full disk, half a file would keep the room that was missing.
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>The metadata of a file and the bytes of all its tensors together, without reading these.</summary>
    /// <exception cref="SafeTensorsException">The header is not valid.</exception>
    public static (IReadOnlyDictionary<string, string> Metadata, long Bytes) LoadMetadata(string path)
    {
        using var file = Open(path);
        using var header = SafeTensorsHeader.Read(file, Path.GetFileName(path));
        return (header.Metadata, file.Length - header.Length);
    }

    /// <summary>Tensors of a file, on the CPU; the caller owns them.</summary>
    /// <param name="wanted">Their shapes by their names, null for any: others are not read. Null: all of the file.</param>
    /// <exception cref="SafeTensorsException">The header, an offset or the shape of a wanted tensor is not valid.</exception>
    public static (Dictionary<string, Tensor> Tensors, IReadOnlyDictionary<string, string> Metadata) Load(
        string path, IReadOnlyDictionary<string, long[]?>? wanted = null)
    {
        using var file = Open(path);
        using var header = SafeTensorsHeader.Read(file, Path.GetFileName(path));
        var entries = Entries(file, header, path);

        // A file may have holes, and claim more than is on the disk: what is not wanted takes no memory.
        if (wanted is not null) entries.RemoveAll(entry => !wanted.ContainsKey(entry.Name));
        foreach (var entry in entries)
        {
            if (wanted?[entry.Name] is { } shape && !entry.Shape.SequenceEqual(shape))
                throw new SafeTensorsException(
                    $"{Path.GetFileName(path)}: {entry.Name} is [{string.Join(", ", entry.Shape)}], "
                    + $"the network's is [{string.Join(", ", shape)}].");
        }

        var tensors = new Dictionary<string, Tensor>();
        try
        {
            foreach (var entry in entries)
            {
                var tensor = tensors[entry.Name] = empty(entry.Shape, entry.Type);
                file.Position = header.Length + entry.From;
                if (entry.To > entry.From) file.ReadExactly(tensor.bytes);
            }
        }
        catch
        {
            foreach (var tensor in tensors.Values) tensor.Dispose();
            throw;
        }
        return (tensors, header.Metadata);
    }

    /// <summary>The tensors that a file says it has, by their places in it.</summary>
    /// <exception cref="SafeTensorsException">One of them is not valid.</exception>
    internal static List<StoredTensor> Entries(FileStream file, SafeTensorsHeader header, string path)
    {
        // All of them before any memory is asked for: the numbers are the file's, and a file may be anybody's.
        var entries = new List<StoredTensor>();
        foreach (var entry in header.Json.EnumerateObject())
        {
            if (entry.Name == SafeTensorsHeader.MetadataName) continue;
            try
            {
                entries.Add(Check(entry.Name, entry.Value, file.Length - header.Length));
            }
            catch (Exception e) when (e is InvalidOperationException or FormatException or KeyNotFoundException
                or SafeTensorsException or OverflowException)
            {
                throw new SafeTensorsException($"{Path.GetFileName(path)}: the tensor {entry.Name} is not valid ({e.Message}).");
            }
        }
        // In one file each byte is one tensor's: else a small file could ask for any amount of memory.
        entries.Sort((a, b) => a.From.CompareTo(b.From));
        for (var i = 1; i < entries.Count; i++)
        {
            if (entries[i].From < entries[i - 1].To)
                throw new SafeTensorsException(
                    $"{Path.GetFileName(path)}: the tensors {entries[i - 1].Name} and {entries[i].Name} overlap.");
        }
        return entries;
    }

    internal static FileStream Open(string path) => RegularFile.Is(path)
        ? RegularFile.Open(path)
        : throw new SafeTensorsException($"{Path.GetFileName(path)} is empty or not a regular file.");

    private static StoredTensor Check(string tensor, JsonElement entry, long room)
    {
        var name = entry.GetProperty("dtype").GetString();
        var type = Types.FirstOrDefault(t => t.Name == name);
        if (type.Name is null) throw new SafeTensorsException($"the type {name} is not supported");
        var shape = entry.GetProperty("shape").EnumerateArray().Select(s => s.GetInt64()).ToArray();
        var offsets = entry.GetProperty("data_offsets").EnumerateArray().Select(o => o.GetInt64()).ToArray();
        if (shape.Length > MaxDimensions)
            throw new SafeTensorsException($"it has {shape.Length:N0} dimensions, and {MaxDimensions} are the most");
        if (shape.Any(s => s < 0) || offsets is not [>= 0, _] || offsets[1] < offsets[0] || offsets[1] > room)
            throw new SafeTensorsException("its shape or offsets lie outside the file");
        if (shape.Aggregate(1L, (product, size) => checked(product * size)) is var count
            && checked(count * type.Bytes) != offsets[1] - offsets[0])
            throw new SafeTensorsException("its shape and its bytes do not agree");
        return new(tensor, type.Type, shape, offsets[0], offsets[1]);
    }
}

/// <summary>What a file's header says of a tensor.</summary>
/// <param name="From">Where its bytes begin, counted from the end of the header.</param>
internal sealed record StoredTensor(string Name, ScalarType Type, long[] Shape, long From, long To);
