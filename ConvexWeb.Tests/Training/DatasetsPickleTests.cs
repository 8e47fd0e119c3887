using System.Text;
using ConvexWeb.Training.Data;

namespace ConvexWeb.Tests.Training;

/// <summary>The one layout of pickle that is read, as Python 2 and 3 write it, and that nothing else is.</summary>
[Collection(TorchCollection.Name)]
public sealed class DatasetsPickleTests
{
    private static Dictionary<string, object?> Read(string golden) => new PickleReader(DatasetsGolden.Bytes(golden)).Read();

    private static string Refused(byte[] pickle) => Assert.Throws<InvalidDataException>(() => new PickleReader(pickle).Read()).Message;

    private static byte[] Code(string text) => Encoding.Latin1.GetBytes(text);

    [Theory]
    [InlineData("pickle_python2")]
    [InlineData("pickle_2")]
    [InlineData("pickle_3")]
    [InlineData("pickle_4")]
    [InlineData("pickle_scalars")]
    public void Reads_what_each_protocol_writes(string golden)
    {
        var dict = Read(golden);
        var data = Assert.IsType<PickledArray>(dict["data"]);
        Assert.Equal([2, 3072], data.Shape);
        Assert.Equal(new PickledType('u', 1), data.Type);
        Assert.Equal(DatasetsGolden.Pixels(2), data.Data.ToArray());
        Assert.Equal([3L, 7L], Assert.IsType<List<object?>>(dict["labels"]));
        Assert.IsType<ReadOnlyMemory<byte>>(dict["batch_label"]);
    }

    [Fact]
    public void Labels_may_be_an_array()
    {
        var labels = Assert.IsType<PickledArray>(Read("pickle_array_labels")["labels"]);
        Assert.Equal([3, 7], Enumerable.Range(0, 2).Select(i => labels.Type!.At(labels.Data.Span, i)));
    }

    [Theory]
    [InlineData("pickle_float", "type f4")]
    [InlineData("pickle_fortran", "C order")]
    [InlineData("pickle_big_endian", "little-endian")]
    [InlineData("pickle_set", "EMPTY_SET")]
    [InlineData("pickle_object", "BytesIO")]
    public void Refuses_by_name_what_the_files_do_not_have(string golden, string name)
        => Assert.Contains(name, Refused(DatasetsGolden.Bytes(golden)));

    [Theory]
    [InlineData("cos\nsystem\n(X\u0004\0\0\0truetR.", "os.system")]
    [InlineData("\u0080\u0004\u008c\u0008builtins\u008c\u0004eval\u0093\u008c\u00031+1\u0085R.", "builtins.eval")]
    [InlineData("(S'rm'\nios\nsystem\n.", "STRING")]
    [InlineData("(ios\nsystem\n.", "INST")]
    [InlineData("(cos\nsystem\no.", "os.system")]
    [InlineData("cnumpy\nndarray\n)\u0081.", "NEWOBJ")]
    [InlineData("Psomewhere\n.", "PERSID")]
    [InlineData("\u0082\u0001.", "EXT1")]
    [InlineData("cnumpy\nndarray\n)R.", "neither an array")]
    [InlineData("cnumpy\ndtype\nX\u0002\0\0\0O8K\0K\u0001\u0087R.", "type O8")]
    [InlineData("c_codecs\nencode\nX\u0001\0\0\0aX\u0005\0\0\0rot13\u0086R.", "neither an array")]
    [InlineData("cnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\nK\0\u0085C\u0001b\u0087R.", "neither an array")]
    [InlineData("\u0080\u0005}.", "protocol")]
    [InlineData("\u00ff.", "0xff")]
    public void Never_makes_or_calls_anything(string code, string name) => Assert.Contains(name, Refused(Code(code)));

    [Theory]
    [InlineData("e.")]
    [InlineData(")u.")]
    [InlineData("(.")]
    [InlineData("N.")]
    [InlineData("}K\u0001.")]
    [InlineData("}(K\u0001N u.")]
    [InlineData("}(U\u0001au.")]
    [InlineData("h\u0005.")]
    [InlineData("Rb.")]
    [InlineData("Nb.")]
    [InlineData("Na.")]
    [InlineData("((a.")]
    public void What_does_not_fit_together_is_refused(string code) => Refused(Code(code));

    [Fact]
    public void A_pickle_that_is_cut_short_anywhere_is_refused()
    {
        var whole = DatasetsGolden.Bytes("pickle_2");
        for (var length = 0; length < whole.Length; length += length < 400 ? 1 : 97)
        {
            var error = Record.Exception(() => new PickleReader(whole.AsMemory(0, length)).Read());
            Assert.True(error is InvalidDataException or EndOfStreamException, $"{length} bytes");
        }
        // A text that claims more than there is.
        Assert.Throws<EndOfStreamException>(() => new PickleReader(Code("X\u00ff\u00ff\u00ff\u00ff.")).Read());
    }
}
