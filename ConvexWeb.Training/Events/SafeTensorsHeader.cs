using System.Buffers.Binary;
using System.Text.Json;

namespace ConvexWeb.Training.Events;

/// <summary>A file that is not valid safetensors.</summary>
public sealed class SafeTensorsException(string message) : Exception(message);

/// <summary>
/// The beginning of a safetensors file: 8 bytes little-endian length, then a JSON object of that length, which names the tensors and holds
/// the metadata. It is read without the tensors, and so without a tensor library.
/// </summary>
public sealed class SafeTensorsHeader : IDisposable
{
    /// <summary>The header's field that is no tensor.</summary>
    public const string MetadataName = "__metadata__";

    private const int Prefix = 8;
    private const int MaxLength = 16 << 20;

    private readonly JsonDocument document;

    private SafeTensorsHeader(JsonDocument document, long length)
    {
        this.document = document;
        Length = length;
        Metadata = Json.TryGetProperty(MetadataName, out var metadata) && metadata.ValueKind == JsonValueKind.Object
            ? metadata.EnumerateObject().ToDictionary(m => m.Name, m => m.Value.ToString())
            : [];
    }

    /// <summary>Where the bytes of the tensors begin.</summary>
    public long Length { get; }

    /// <summary>Tensor → its type, shape and offsets, none of them checked; and the metadata.</summary>
    public JsonElement Json => document.RootElement;

    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <param name="file">At its beginning; afterwards at the first tensor's bytes.</param>
    /// <param name="name">The file's name in messages.</param>
    /// <exception cref="SafeTensorsException">The header is not valid.</exception>
    public static SafeTensorsHeader Read(Stream file, string name)
    {
        Span<byte> prefix = stackalloc byte[Prefix];
        if (file.Length < Prefix) throw new SafeTensorsException($"{name} is too short to be a safetensors file.");
        file.ReadExactly(prefix);
        var length = BinaryPrimitives.ReadInt64LittleEndian(prefix);
        if (length is < 2 or > MaxLength || length > file.Length - Prefix)
            throw new SafeTensorsException($"{name} is not a safetensors file: its header length is {length}.");
        var json = new byte[length];
        file.ReadExactly(json);
        JsonDocument? document = null;
        try
        {
            document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                foreach (var field in document.RootElement.EnumerateObject()) _ = field.Name; // one may be no text
                return new(document, Prefix + length);
            }
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException or ArgumentException)
        {
            // Reported below, as any header that is no object. Argument: a field twice; InvalidOperation: half a character.
        }
        document?.Dispose();
        throw new SafeTensorsException($"{name} is not a safetensors file: its header is not a JSON object.");
    }

    /// <returns>The step at which a checkpoint was written; null for a file that is no checkpoint of a run.</returns>
    public static long? StepOf(Stream file, string name)
    {
        try
        {
            using var header = Read(file, name);
            if (!header.Metadata.TryGetValue("progress", out var text)) return null;
            using var progress = JsonDocument.Parse(text);
            return progress.RootElement.GetProperty("step").GetInt64();
        }
        catch (Exception problem) when (
            problem is SafeTensorsException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    public void Dispose() => document.Dispose();
}
