using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Events;
using SkiaSharp;

namespace ConvexWeb.Tests.Training;

/// <summary>
/// Files that somebody made to do harm (defects D13 and D14): each is refused with a sentence, before the memory that it asks for is taken.
/// </summary>
[Collection(TorchCollection.Name)]
public sealed class HostileFileTests : IDisposable
{
    private const int Side = 32;
    private const long MostMemory = 96 << 20; // managed, for one file: tensors are in none of these

    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void D13_Tensors_that_overlap_are_refused_before_memory_is_taken_and_the_same_ones_side_by_side_are_read()
    {
        const int bytes = 1 << 20;
        string Header(int step) => "{" + string.Join(',', Enumerable.Range(0, 4).Select(i =>
            $$"""
            "t{{i}}":{"dtype":"F32","shape":[{{bytes / 4}}],"data_offsets":[{{i * step}},{{i * step + bytes}}]}
            """)) + "}";

        var apart = Save("apart.safetensors", Tensors(Header(bytes), 4 * bytes));
        var (tensors, _) = SafeTensors.Load(apart);
        foreach (var tensor in tensors.Values) tensor.Dispose();
        Assert.Equal(4, tensors.Count);

        foreach (var step in new[] { 0, 4, bytes / 2, bytes - 4 })
        {
            var file = Save($"overlap-{step}.safetensors", Tensors(Header(step), 4 * bytes));
            Assert.Contains("overlap", Assert.Throws<SafeTensorsException>(() => SafeTensors.Load(file)).Message, StringComparison.Ordinal);
        }
    }

    // A file may have holes: it claims a terabyte, and takes a page of the disk.
    [Fact]
    public void D13_A_file_with_holes_takes_no_memory_for_what_its_model_has_not()
    {
        var spec = """{"model":{"name":"mlp","width":8},"data":{"name":"glyphs"}}""";
        var bytes = 1L << 40;
        var path = Save("holes.safetensors", Tensors(
            $$$"""
            {"__metadata__":{"spec":{{{System.Text.Json.JsonSerializer.Serialize(spec)}}}},
            "padding":{"dtype":"U8","shape":[{{{bytes}}}],"data_offsets":[0,{{{bytes}}}]}}
            """, 0));
        using (var file = File.OpenWrite(path)) file.SetLength(file.Length + bytes);

        var refused = Assert.Throws<SafeTensorsException>(() => Checkpoint.Open(path));

        Assert.Contains("lacks the tensor", refused.Message, StringComparison.Ordinal);
    }

    // Sixteen tensors of 64 MB each, all of them the same bytes.
    [Fact]
    public void D13_Tensors_that_overlap_are_refused_before_their_memory_is_taken()
    {
        const long bytes = 64 << 20;
        var path = Save("same.safetensors", Tensors("{" + string.Join(',', Enumerable.Range(0, 16).Select(i =>
            $$"""
            "t{{i}}":{"dtype":"U8","shape":[{{bytes}}],"data_offsets":[0,{{bytes}}]}
            """)) + "}", 0));
        using (var file = File.OpenWrite(path)) file.SetLength(file.Length + bytes);
        Assert.SkipUnless(Peak.TryForget(), "This system does not tell how much memory a process has had.");
        var before = Peak.Megabytes();

        Assert.Throws<SafeTensorsException>(() => SafeTensors.Load(path));

        Assert.InRange(Peak.Megabytes() - before, 0, 700); // of 1,024; other tests run beside this one
    }

    [Fact]
    public void D13_A_small_checkpoint_that_names_a_large_model_is_refused_before_it_is_built()
    {
        var spec = """{"model":{"name":"mlp","width":8192},"data":{"name":"cifar10"}}""";
        var file = Save("large.safetensors", Tensors(
            $$$"""{"__metadata__":{"spec":{{{System.Text.Json.JsonSerializer.Serialize(spec)}}}}}""", 0));

        var refused = Assert.Throws<SafeTensorsException>(() => Checkpoint.Open(file));

        Assert.Contains("has 0 numbers", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task D13_D14_Sixty_hostile_files_are_refused_with_a_sentence_and_little_memory()
    {
        var files = Hostile().ToList();
        Assert.True(files.Count >= 60, $"{files.Count} files");
        foreach (var (name, bytes) in files)
        {
            var path = Save(name, bytes);
            var (problem, memory) = await Task.Run(() => Read(path)).WaitAsync(TimeSpan.FromSeconds(60));

            Assert.True(problem is SafeTensorsException or DatasetException, $"{name}: {problem}");
            Assert.False(string.IsNullOrWhiteSpace(problem.Message));
            Assert.DoesNotContain("\n", problem.Message);
            Assert.True(problem.Message.Length < 1000, $"{name}: {problem.Message.Length} characters");
            Assert.True(memory < MostMemory, $"{name} took {memory:N0} bytes");
        }
    }

    /// <returns>What it is refused with, and the managed memory that was asked for.</returns>
    internal static (Exception? Problem, long Memory) Read(string path)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            if (path.EndsWith(".safetensors", StringComparison.Ordinal)) SafeTensors.Load(path);
            else new ImageDecoder(Side).Decode(path, new byte[3 * Side * Side]);
            return (null, 0);
        }
        catch (Exception problem)
        {
            return (problem, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    internal static IEnumerable<(string Name, byte[] Bytes)> Hostile()
    {
        foreach (var (name, header) in Headers()) yield return ($"{name}.safetensors", Tensors(header, 64));
        foreach (var length in new long[] { -1, 0, 1, 1 << 24, 1L << 40, long.MaxValue, long.MinValue })
            yield return ($"length-{length}.safetensors", [.. Number(length), .. new byte[64]]);
        var whole = Tensors("""{"a":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}}""", 64);
        foreach (var cut in new[] { 0, 4, 8, 20, whole.Length - 70, whole.Length - 1 })
            yield return ($"cut-{cut}.safetensors", whole[..cut]);

        var photo = Photo(64, 48);
        yield return ("claims.jpg", Claiming(photo, 65_500, 65_500));
        yield return ("claims-wide.jpg", Claiming(photo, 65_500, 3_100));
        foreach (var cut in new[] { 0, 2, 20, photo.Length / 2, photo.Length - 2 }) yield return ($"cut-{cut}.jpg", photo[..cut]);
        yield return ("scans.jpg", ManyScans(Claiming(photo, 14_000, 14_000), 3_000));
        yield return ("text.jpg", Encoding.UTF8.GetBytes("<svg onload='alert(1)'/>"));
        yield return ("gif.jpg", [.. "GIF89a"u8, .. new byte[100]]);
        yield return ("start.jpg", [0xFF, 0xD8, .. new byte[1000]]);

        foreach (var (width, height) in new[] { (60_000, 60_000), (8_000, 7_000), (int.MaxValue, 1), (0, 5), (-1, 5), (1, int.MinValue) })
            yield return ($"bomb-{width}x{height}.png.jpg", Png(width, height, kind: 2, rows: 1));
        yield return ("short.png.jpg", Png(1000, 1000, kind: 2, rows: 3));
        yield return ("colour.png.jpg", Png(100, 100, kind: 7, rows: 100));
        yield return ("palette.png.jpg", Png(100, 100, kind: 3, rows: 100));
        yield return ("filter.png.jpg", Png(100, 100, kind: 2, rows: 100, filter: 9));
        yield return ("depth.png.jpg", Png(100, 100, kind: 2, rows: 100, depth: 16));
    }

    private static IEnumerable<(string Name, string Header)> Headers()
    {
        static string One(string shape, string offsets, string type = "F32")
            => $$$"""{"a":{"dtype":"{{{type}}}","shape":{{{shape}}},"data_offsets":{{{offsets}}}} }""";

        yield return ("array", "[]");
        yield return ("number", "7");
        yield return ("deep", new string('[', 100_000));
        yield return ("twice", """{"a":1,"a":2}""");
        yield return ("half-a-sign", """{"\ud800":1}""");
        yield return ("no-object", """{"a":3}""");
        yield return ("no-shape", """{"a":{"dtype":"F32"}}""");
        yield return ("type", One("[16]", "[0,64]", "Q4"));
        yield return ("type-number", """{"a":{"dtype":4,"shape":[16],"data_offsets":[0,64]}}""");
        yield return ("negative", One("[-16]", "[0,64]"));
        yield return ("minus-minus", One("[-4,-4]", "[0,64]"));
        yield return ("huge", One("[4611686018427387904]", "[0,64]"));
        yield return ("product", One("[4294967296,4294967296]", "[0,64]"));
        yield return ("product-wraps", One("[4294967296,4294967296,16]", "[0,0]"));
        yield return ("fraction", One("[1.5]", "[0,64]"));
        yield return ("exponent", One("[1e30]", "[0,64]"));
        yield return ("text", One("\"16\"", "[0,64]"));
        yield return ("dimensions", One("[" + string.Join(',', Enumerable.Repeat(1, 5000)) + ",16]", "[0,64]"));
        yield return ("reversed", One("[16]", "[64,0]"));
        yield return ("beyond", One("[32]", "[0,128]"));
        yield return ("far-beyond", One("[16]", "[9223372036854775743,9223372036854775807]"));
        yield return ("before", One("[16]", "[-64,0]"));
        yield return ("three", One("[16]", "[0,32,64]"));
        yield return ("none", One("[16]", "[]"));
        yield return ("disagrees", One("[15]", "[0,64]"));
        yield return ("overlap", """
            {"a":{"dtype":"F32","shape":[16],"data_offsets":[0,64]},"b":{"dtype":"F32","shape":[8],"data_offsets":[32,64]}}
            """);
    }

    private static byte[] Tensors(string header, int bytes)
    {
        var json = Encoding.UTF8.GetBytes(header.Trim());
        return [.. Number(json.Length), .. json, .. new byte[bytes]];
    }

    private static byte[] Number(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return bytes;
    }

    private static byte[] Photo(int width, int height)
    {
        using var bitmap = new SKBitmap(width, height);
        using var data = bitmap.Encode(SKEncodedImageFormat.Jpeg, 80);
        return data.ToArray();
    }

    // The same file with other sizes in its frame header.
    private static byte[] Claiming(byte[] photo, int width, int height)
    {
        var file = photo.ToArray();
        var frame = file.AsSpan().IndexOf([(byte)0xFF, (byte)0xC0]);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 5), (ushort)height);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 7), (ushort)width);
        return file;
    }

    // The scan of the file again and again.
    private static byte[] ManyScans(byte[] photo, int scans)
    {
        var scan = photo.AsSpan().IndexOf([(byte)0xFF, (byte)0xDA]);
        var file = new List<byte>(photo[..scan]);
        for (var i = 0; i < scans; i++) file.AddRange(photo[scan..^2]);
        return [.. file, 0xFF, 0xD9];
    }

    // Its checksums are wrong, which are not looked at before its sizes.
    private static byte[] Png(int width, int height, byte kind, int rows, byte filter = 0, byte depth = 8)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (depth, kind);
        using var packed = new MemoryStream();
        using (var zip = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            var line = new byte[1 + 4 * Math.Clamp(width, 1, 100_000)];
            Array.Fill(line, (byte)255);
            line[0] = filter;
            for (var row = 0; row < rows; row++) zip.Write(line);
        }
        return [0x89, .. "PNG\r\n"u8, 0x1A, (byte)'\n', .. Chunk("IHDR", header), .. Chunk("IDAT", packed.ToArray()), .. Chunk("IEND", [])];
    }

    private static byte[] Chunk(string kind, byte[] content)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, content.Length);
        return [.. length, .. Encoding.ASCII.GetBytes(kind), .. content, 0, 0, 0, 0];
    }

    private string Save(string name, byte[] bytes)
    {
        var path = Path.Combine(folder.Path, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
