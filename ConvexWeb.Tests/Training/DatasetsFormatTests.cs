using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using ConvexWeb.Training.Data;

namespace ConvexWeb.Tests.Training;

/// <summary>
/// STL-10, SVHN and ciFAIR on small files in the exact official formats; those of SVHN and ciFAIR were written by scipy, numpy
/// and Python.
/// </summary>
[Collection(TorchCollection.Name)]
public sealed class DatasetsFormatTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("convexweb-formats-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    private Task<ImageSet> Load(DataOptions options)
        => new DatasetStore(root, new Fetcher(new HttpClient(), "http://127.0.0.1:9")).LoadAsync(options, null, _ => { }, default);

    private async Task<string> Refused(DataOptions options)
    {
        var message = (await Assert.ThrowsAsync<DatasetException>(() => Load(options))).Message;
        Assert.EndsWith(".", message);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    // ---- STL-10 ----

    // Each plane column by column: [N, 3, W, H].
    private static byte[] Columns(int count)
    {
        var rows = DatasetsGolden.Pixels(count, 96);
        var columns = new byte[rows.Length];
        for (var plane = 0; plane < 3 * count; plane++)
            for (var y = 0; y < 96; y++)
                for (var x = 0; x < 96; x++) columns[plane * 9216 + x * 96 + y] = rows[plane * 9216 + y * 96 + x];
        return columns;
    }

    private string WriteStl10(params byte[] trainLabels)
    {
        var folder = Directory.CreateDirectory(Path.Combine(root, "stl10", "stl10_binary")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "train_X.bin"), Columns(trainLabels.Length));
        File.WriteAllBytes(Path.Combine(folder, "train_y.bin"), trainLabels);
        File.WriteAllBytes(Path.Combine(folder, "test_X.bin"), Columns(2));
        File.WriteAllBytes(Path.Combine(folder, "test_y.bin"), [2, 1]);
        return folder;
    }

    // As published: the files under a folder, the unlabelled images among them.
    private string PackStl10(params string[] order)
    {
        var folder = WriteStl10(1, 10, 5);
        File.WriteAllBytes(Path.Combine(folder, "unlabeled_X.bin"), Columns(4));
        var archive = Path.Combine(root, "stl10", "stl10_binary.tar.gz");
        using (var tar = new TarWriter(new GZipStream(File.Create(archive), CompressionLevel.Fastest)))
            foreach (var name in order) tar.WriteEntry(Path.Combine(folder, name), "stl10_binary/" + name);
        Directory.Delete(folder, recursive: true);
        return archive;
    }

    [Fact]
    public async Task STL_10_turns_its_planes_and_counts_classes_from_0()
    {
        WriteStl10(1, 10, 5);
        var set = await Load(new Stl10Options());
        Assert.Equal([0, 9, 4], set.Train.Labels);
        Assert.Equal([1, 0], set.Test.Labels);
        Assert.Equal(DatasetsGolden.Pixels(3, 96), set.Train.Images);
    }

    [Theory]
    [InlineData("unlabeled_X.bin", "test_X.bin", "test_y.bin", "train_X.bin", "train_y.bin")]
    [InlineData("test_X.bin", "test_y.bin", "train_X.bin", "train_y.bin", "unlabeled_X.bin")]
    public async Task STL_10_reads_the_official_archive_past_the_unlabelled_images(params string[] order)
    {
        PackStl10(order);
        var set = await Load(new Stl10Options());
        Assert.Equal(DatasetsGolden.Pixels(3, 96), set.Train.Images);
        Assert.Equal(DatasetsGolden.Pixels(2, 96), set.Test.Images);
    }

    [Fact]
    public async Task STL_10_names_the_archive_that_is_cut_short_or_lacks_a_file()
    {
        var archive = PackStl10("test_X.bin", "test_y.bin", "train_X.bin", "train_y.bin");
        using (var file = new FileStream(archive, FileMode.Open)) file.SetLength(file.Length / 2);
        Assert.Contains("stl10_binary.tar.gz", await Refused(new Stl10Options()));
        File.Delete(archive);
        PackStl10("test_X.bin", "test_y.bin", "train_X.bin");
        Assert.Contains("lacks train_y.bin", await Refused(new Stl10Options()));
    }

    [Fact]
    public async Task STL_10_refuses_wrong_lengths_and_labels()
    {
        var folder = WriteStl10(1, 11);
        Assert.Contains("label 11", await Refused(new Stl10Options()));
        WriteStl10(0);
        Assert.Contains("label 0", await Refused(new Stl10Options()));
        File.WriteAllBytes(Path.Combine(folder, "train_y.bin"), [1, 2]);
        Assert.Contains("1 images", await Refused(new Stl10Options()));
        File.WriteAllBytes(Path.Combine(folder, "test_X.bin"), new byte[27_647]);
        Assert.Contains("test_X.bin", await Refused(new Stl10Options()));
    }

    // ---- SVHN ----

    private void WriteSvhn(string train, string test)
    {
        DatasetsGolden.Write(train, root, "svhn", "train_32x32.mat");
        DatasetsGolden.Write(test, root, "svhn", "test_32x32.mat");
    }

    [Theory]
    [InlineData("svhn_packed", "svhn_plain")]
    [InlineData("svhn_double", "svhn_matlab")]
    public async Task SVHN_reads_MATLAB_files_packed_and_plain_with_bytes_or_doubles(string train, string test)
    {
        WriteSvhn(train, test);
        var set = await Load(new SvhnOptions());
        // The label 10 is the digit 0.
        Assert.Equal([1, 0, 9, 2, 5], set.Train.Labels);
        Assert.Equal([0, 3, 4], set.Test.Labels);
        Assert.Equal(DatasetsGolden.Pixels(5), set.Train.Images);
        Assert.Equal(DatasetsGolden.Pixels(3), set.Test.Images);
    }

    [Theory]
    [InlineData("svhn_float", "y must be uint8 or double")]
    [InlineData("svhn_without_y", "no array y")]
    public async Task SVHN_refuses_what_it_does_not_read(string train, string reason)
    {
        WriteSvhn(train, "svhn_plain");
        var message = await Refused(new SvhnOptions());
        Assert.Contains("train_32x32.mat", message);
        Assert.Contains(reason, message);
    }

    [Theory]
    [InlineData("svhn_packed")]
    [InlineData("svhn_plain")]
    public async Task SVHN_names_a_file_that_is_cut_short_anywhere_or_damaged(string name)
    {
        WriteSvhn("svhn_packed", "svhn_packed");
        var file = Path.Combine(root, "svhn", "test_32x32.mat");
        var whole = DatasetsGolden.Bytes(name);
        foreach (var length in new[] { 0, 60, 128, 131, 140, 180, whole.Length / 2, whole.Length - 1 })
        {
            File.WriteAllBytes(file, whole[..length]);
            Assert.Contains("test_32x32.mat", await Refused(new SvhnOptions()));
        }
        if (name == "svhn_plain") return;
        // A changed byte in a compressed stream, which its checksum tells.
        var damaged = (byte[])whole.Clone();
        damaged[whole.Length / 2] ^= 0x10;
        File.WriteAllBytes(file, damaged);
        Assert.Contains("test_32x32.mat", await Refused(new SvhnOptions()));
    }

    [Theory]
    [InlineData("MATLAB 7.3 MAT-file, Platform: GLNXA64", 0x0200, "IM", "7.3")]
    [InlineData("MATLAB 5.0 MAT-file", 0x0001, "MI", "big-endian")]
    [InlineData("something else", 0, "  ", "not a MATLAB 5 file")]
    public async Task SVHN_says_which_kind_of_file_it_found(string text, int version, string order, string reason)
    {
        WriteSvhn("svhn_packed", "svhn_packed");
        byte[] header =
        [
            .. Encoding.ASCII.GetBytes(text.PadRight(124)), (byte)version, (byte)(version >> 8), (byte)order[0], (byte)order[1],
        ];
        File.WriteAllBytes(Path.Combine(root, "svhn", "train_32x32.mat"), [.. header, .. new byte[64]]);
        Assert.Contains(reason, await Refused(new SvhnOptions()));
    }

    // ---- ciFAIR ----

    [Fact]
    public async Task CiFAIR_10_reads_the_official_archive()
    {
        DatasetsGolden.Write("cifair10_zip", root, "cifair10", "ciFAIR-10.zip");
        var set = await Load(new Cifair10Options());
        Assert.Equal([1, 4, 2, 5, 3, 6, 4, 7, 5, 8], set.Train.Labels);
        Assert.Equal([9, 8, 0], set.Test.Labels);
        Assert.Equal(DatasetsGolden.Pixels(3), set.Test.Images);
        Assert.Equal(Enumerable.Repeat(DatasetsGolden.Pixels(2), 5).SelectMany(p => p), set.Train.Images);
    }

    [Fact]
    public async Task CiFAIR_100_reads_unpacked_files_and_takes_the_fine_label()
    {
        var folder = Directory.CreateDirectory(Path.Combine(root, "cifair100")).FullName;
        await ZipFile.ExtractToDirectoryAsync(new MemoryStream(DatasetsGolden.Bytes("cifair100_zip")), folder);
        var set = await Load(new Cifair100Options());
        Assert.Equal([99, 0, 50], set.Train.Labels);
        Assert.Equal([98, 1], set.Test.Labels);
    }

    [Fact]
    public async Task CiFAIR_names_what_is_damaged()
    {
        var file = Path.Combine(root, "cifair10", "ciFAIR-10.zip");
        DatasetsGolden.Write("cifair100_zip", root, "cifair10", "ciFAIR-10.zip");
        Assert.Contains("lacks ciFAIR-10/data_batch_1", await Refused(new Cifair10Options()));
        var whole = DatasetsGolden.Bytes("cifair10_zip");
        File.WriteAllBytes(file, whole[..(whole.Length / 2)]);
        Assert.Contains("ciFAIR-10.zip", await Refused(new Cifair10Options()));

        var folder = Path.Combine(root, "cifair100", "ciFAIR-100");
        DatasetsGolden.Write("pickle_4", folder, "train");
        DatasetsGolden.Write("pickle_4", folder, "test");
        Assert.Contains("fine_labels", await Refused(new Cifair100Options()));
    }
}
