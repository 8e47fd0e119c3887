using System.Buffers.Binary;
using System.Text;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Events;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

[Collection(TorchCollection.Name)]
public sealed class SafeTensorsTests : IDisposable
{
    private readonly string path = Path.Combine(Directory.CreateTempSubdirectory("convexweb-st-").FullName, "x.safetensors");

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);

    [Fact]
    public void Comes_back_as_it_was_written()
    {
        using var scope = NewDisposeScope();
        var (a, b, c) = (rand([2, 3]), rand([4], ScalarType.Float64), from_array(new long[] { 1, -2 }));
        SafeTensors.Save(
            path,
            [("a", a.t()), ("b", b), ("c", c), ("none", zeros([0, 3]))],
            new Dictionary<string, string> { ["note"] = "ü" });
        var (tensors, metadata) = SafeTensors.Load(path);
        Assert.Equal("ü", metadata["note"]);
        Assert.True(tensors["a"].eq(a.t()).all().item<bool>());
        Assert.True(tensors["b"].eq(b).all().item<bool>());
        Assert.Equal([1L, -2], tensors["c"].data<long>().ToArray());
        Assert.Equal([0L, 3], tensors["none"].shape);
        Assert.False(File.Exists(path + ".tmp"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}x{")]
    [InlineData("[]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,8]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807],"data_offsets":[0,8]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[9223372036854775800,9223372036854775807]}}""")]
    [InlineData("""{"a":{"dtype":"Q8","shape":[2],"data_offsets":[0,8]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":"x","data_offsets":[0,8]}}""")]
    [InlineData("""{"a":{"dtype":"F32"}}""")]
    public void A_damaged_file_is_refused(string header)
    {
        using var scope = NewDisposeScope();
        var json = Encoding.UTF8.GetBytes(header);
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        File.WriteAllBytes(path, [.. length, .. json, .. new byte[8]]);
        Assert.Throws<SafeTensorsException>(() => SafeTensors.Load(path));
    }

    [Fact]
    public void A_header_length_beyond_the_file_is_refused()
    {
        File.WriteAllBytes(path, [255, 255, 255, 255, 255, 255, 255, 127, 0]);
        Assert.Throws<SafeTensorsException>(() => SafeTensors.Load(path));
    }
}
