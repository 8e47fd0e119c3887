using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Tests.Training;

/// <summary>Readers on small files in the exact official formats.</summary>
public sealed class DatasetTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("convexweb-data-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    private DatasetStore Store => new(root, new Fetcher(new HttpClient(), "http://127.0.0.1:9"));

    private static byte[] CifarRecords(int count, int labelBytes, Func<int, byte> label)
    {
        var data = new byte[count * (labelBytes + 3072)];
        for (var i = 0; i < count; i++)
        {
            var record = data.AsSpan(i * (labelBytes + 3072));
            record[labelBytes - 1] = label(i);
            for (var p = 0; p < 3072; p++) record[labelBytes + p] = (byte)(i + p);
        }
        return data;
    }

    private void WriteCifar10(string folder)
    {
        Directory.CreateDirectory(folder);
        for (var b = 1; b <= 5; b++)
            File.WriteAllBytes(Path.Combine(folder, $"data_batch_{b}.bin"), CifarRecords(4, 1, i => (byte)((b + i) % 10)));
        File.WriteAllBytes(Path.Combine(folder, "test_batch.bin"), CifarRecords(3, 1, i => (byte)(9 - i)));
    }

    [Fact]
    public async Task CIFAR_10_reads_its_batches_in_order()
    {
        WriteCifar10(Path.Combine(root, "cifar10", "cifar-10-batches-bin"));
        var set = await Store.LoadAsync(new Cifar10Options(), null, _ => { }, default);
        Assert.Equal(20, set.Train.Count);
        Assert.Equal([1, 2, 3, 4, 2, 3], set.Train.Labels.Take(6));
        Assert.Equal([9, 8, 7], set.Test.Labels);
        Assert.Equal((byte)(1 + 5), set.Train.Images[3072 + 5]);
        Assert.Equal(("airplane", "truck", 10), (set.ClassNames![0], set.ClassNames[9], set.ClassNames.Count));
        var animals = await Store.LoadAsync(new Cifar10Options { Task = Cifar10Task.Animal }, null, _ => { }, default);
        Assert.Equal(["other", "animal"], animals.ClassNames!);
        Assert.All(set.Train.Labels.Zip(animals.Train.Labels), l => Assert.Equal(l.First is >= 2 and <= 7 ? 1 : 0, l.Second));
    }

    [Fact]
    public async Task CIFAR_10_reads_the_official_archive()
    {
        var folder = Path.Combine(root, "plain", "cifar-10-batches-bin");
        WriteCifar10(folder);
        Directory.CreateDirectory(Path.Combine(root, "cifar10"));
        var archive = Path.Combine(root, "cifar10", "cifar-10-binary.tar.gz");
        await using (var packed = new GZipStream(File.Create(archive), CompressionLevel.Fastest))
            await TarFile.CreateFromDirectoryAsync(folder, packed, includeBaseDirectory: true);
        Assert.Equal(20, (await Store.LoadAsync(new Cifar10Options(), null, _ => { }, default)).Train.Count);
    }

    [Fact]
    public async Task CIFAR_100_takes_the_fine_label()
    {
        var folder = Path.Combine(root, "cifar100", "cifar-100-binary");
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, "train.bin"), CifarRecords(5, 2, i => (byte)(95 + i)));
        File.WriteAllBytes(Path.Combine(folder, "test.bin"), CifarRecords(2, 2, i => (byte)i));
        var set = await Store.LoadAsync(new Cifar100Options(), null, _ => { }, default);
        Assert.Equal([95, 96, 97, 98, 99], set.Train.Labels);
        Assert.Equal(100, set.ClassNames!.Distinct().Count());
        Assert.Equal(set.ClassNames!.Order(StringComparer.Ordinal), set.ClassNames!);
        Assert.Equal((byte)(1 + 7), set.Train.Images[3072 + 7]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task MNIST_reads_IDX_packed_or_not(bool packed)
    {
        foreach (var (prefix, count) in new[] { ("train", 6), ("t10k", 2) })
        {
            WriteIdx($"{prefix}-images-idx3-ubyte", [count, 28, 28], packed);
            WriteIdx($"{prefix}-labels-idx1-ubyte", [count], packed);
        }
        var set = await Store.LoadAsync(new MnistOptions(), null, _ => { }, default);
        Assert.Equal([0, 1, 2, 3, 4, 5], set.Train.Labels);
        Assert.Equal(2, set.Test.Count);
        Assert.Equal((byte)(784 % 10), set.Train.Images[784]);
    }

    private void WriteIdx(string name, int[] sizes, bool packed)
    {
        var folder = Directory.CreateDirectory(Path.Combine(root, "mnist")).FullName;
        var data = new byte[4 + 4 * sizes.Length + sizes.Aggregate(1, (a, b) => a * b)];
        data[2] = 8;
        data[3] = (byte)sizes.Length;
        for (var i = 0; i < sizes.Length; i++) BinaryPrimitives.WriteInt32BigEndian(data.AsSpan(4 + 4 * i), sizes[i]);
        for (var i = 4 + 4 * sizes.Length; i < data.Length; i++) data[i] = (byte)((i - 4 - 4 * sizes.Length) % 10);
        using Stream file = packed
            ? new GZipStream(File.Create(Path.Combine(folder, name + ".gz")), CompressionLevel.Fastest)
            : File.Create(Path.Combine(folder, name));
        file.Write(data);
    }

    [Fact]
    public async Task A_damaged_file_is_refused_with_what_to_do()
    {
        WriteCifar10(Path.Combine(root, "cifar10", "cifar-10-batches-bin"));
        var file = Path.Combine(root, "cifar10", "cifar-10-batches-bin", "data_batch_3.bin");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^1]);
        var error = await Assert.ThrowsAsync<DatasetException>(() => Store.LoadAsync(new Cifar10Options(), null, _ => { }, default));
        Assert.Contains("data_batch_3.bin", error.Message);
        Assert.Contains("fetch it again", error.Message);
    }

    [Theory]
    [InlineData("cut")]
    [InlineData("flipped")]
    [InlineData("empty")]
    public async Task A_damaged_archive_is_named_with_what_to_do(string how)
    {
        var plain = Path.Combine(root, "plain", "cifar-10-batches-bin");
        WriteCifar10(plain);
        var cifar = Path.Combine(Directory.CreateDirectory(Path.Combine(root, "cifar10")).FullName, "cifar-10-binary.tar.gz");
        await using (var packed = new GZipStream(File.Create(cifar), CompressionLevel.Fastest))
            await TarFile.CreateFromDirectoryAsync(plain, packed, includeBaseDirectory: true);
        foreach (var prefix in new[] { "train", "t10k" })
        {
            WriteIdx($"{prefix}-images-idx3-ubyte", [6, 28, 28], packed: true);
            WriteIdx($"{prefix}-labels-idx1-ubyte", [6], packed: true);
        }
        var mnist = Path.Combine(root, "mnist", "train-images-idx3-ubyte.gz");
        foreach (var (file, options) in new (string, DataOptions)[] { (cifar, new Cifar10Options()), (mnist, new MnistOptions()) })
        {
            var whole = File.ReadAllBytes(file);
            if (how == "flipped") whole[whole.Length / 2] ^= 0x55;
            File.WriteAllBytes(file, how == "cut" ? whole[..(whole.Length / 2)] : how == "empty" ? [] : whole);
            var error = await Assert.ThrowsAsync<DatasetException>(() => Store.LoadAsync(options, null, _ => { }, default));
            Assert.Contains(Path.GetFileName(file).Split('.')[0], error.Message);
            Assert.Contains("fetch it again", error.Message);
        }
    }

    [Fact]
    public void A_folder_that_lacks_one_of_the_files_is_not_taken_for_the_data_set()
    {
        var folder = Path.Combine(root, "cifar10", "cifar-10-batches-bin");
        WriteCifar10(folder);
        Assert.True(Store.Has(new Cifar10Options()));
        File.Delete(Path.Combine(folder, "data_batch_1.bin"));
        Assert.False(Store.Has(new Cifar10Options()));
    }

    [Fact]
    public async Task A_data_set_that_is_not_whole_is_refused_before_training()
    {
        WriteCifar10(Path.Combine(root, "cifar10"));
        var set = await Store.LoadAsync(new Cifar10Options(), null, _ => { }, default);
        var spec = new Spec { Data = new Cifar10Options() };
        var error = Assert.Throws<DatasetException>(
            () => TrainingData.Prepare(spec, set, 1, TorchSharp.torch.CPU, root, null, _ => { }));
        Assert.Contains("20 training images where 50,000 should be", error.Message);
    }

    [Fact]
    public async Task A_lock_that_cannot_be_made_is_an_error_and_one_that_is_taken_is_waited_for()
    {
        // A name that is too long stands for a full disk and a read-only folder: all of them are an IOException.
        await Assert.ThrowsAnyAsync<IOException>(() =>
            FileLock.TakeAsync(Path.Combine(root, new string('x', 300)), null, default).WaitAsync(TimeSpan.FromSeconds(30)));
        var said = new List<string>();
        var first = await FileLock.TakeAsync(Path.Combine(root, "a.lock"), said.Add, default);
        Assert.Empty(said);
        var second = FileLock.TakeAsync(Path.Combine(root, "a.lock"), said.Add, default);
        Assert.False(second.IsCompleted);
        await first.DisposeAsync();
        await (await second.WaitAsync(TimeSpan.FromSeconds(30))).DisposeAsync();
        Assert.Contains("waiting", Assert.Single(said));
    }

    [Fact]
    public async Task A_label_beyond_the_classes_is_refused()
    {
        var folder = Path.Combine(root, "cifar10", "cifar-10-batches-bin");
        WriteCifar10(folder);
        File.WriteAllBytes(Path.Combine(folder, "test_batch.bin"), CifarRecords(3, 1, _ => 10));
        var error = await Assert.ThrowsAsync<DatasetException>(
            () => Store.LoadAsync(new Cifar10Options(), null, _ => { }, default));
        Assert.Contains("label 10", error.Message);
    }

    [Fact]
    public async Task Glyphs_are_the_same_each_time_balanced_and_differ_between_splits_and_collections()
    {
        var options = new GlyphsOptions { TrainSize = 200, TestSize = 200 };
        var first = await Store.LoadAsync(options, null, _ => { }, default);
        var second = await Store.LoadAsync(options, null, _ => { }, default);
        Assert.Equal(first.Train.Images, second.Train.Images);
        Assert.Equal(20, first.Train.Labels.Count(l => l == 3));
        Assert.NotEqual(first.Train.Images, first.Test.Images);
        Assert.NotEqual(first.Train.Images, (await Store.LoadAsync(options with { Collection = 1 }, null, _ => { }, default)).Train.Images);
        // Every image has ink, and none is all ink.
        for (var i = 0; i < 200; i++) Assert.InRange(first.Train.Images.AsSpan(i * 784, 784).ToArray().Count(p => p > 128), 15, 500);
    }

    [Fact]
    public async Task A_missing_set_that_cannot_be_fetched_says_what_to_do()
    {
        var error = await Assert.ThrowsAsync<DatasetException>(() => Store.LoadAsync(new MnistOptions(), null, _ => { }, default));
        Assert.Contains("CONVEX_DATASET_MIRROR", error.Message);
    }
}
