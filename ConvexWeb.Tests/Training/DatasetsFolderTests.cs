using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>Folders of pictures: decoding beside Pillow, the cache, and what is said when a folder or file is not right.</summary>
[Collection(TorchCollection.Name)]
public sealed class DatasetsFolderTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("convexweb-folder-").FullName;
    private readonly List<string> said = [];

    private static readonly ImageFolderOptions Options = new()
    {
        Folder = "photos",
        Classes = 2,
        TrainImages = 3,
        TestImages = 2,
        ImageSize = 32,
    };

    public DatasetsFolderTests()
    {
        // bee comes before cat, and takes the first turn.
        Put("wide", "train", "cat", "a.JPEG");
        Put("grey", "train", "bee", "b.jpg");
        Put("tall", "train", "cat", "c.jpeg");
        Put("small", "val", "bee", "d.jpg");
        Put("wide", "val", "cat", "e.jpg");
        File.WriteAllText(Path.Combine(root, "photos", "train", "cat", "notes.txt"), "no picture");
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    private void Put(string picture, params string[] path) => DatasetsGolden.Write($"picture_{picture}", [root, "photos", .. path]);

    private Task<ImageSet> Load(DataOptions? options = null)
        => new DatasetStore(root, new Fetcher(new HttpClient(), "http://127.0.0.1:9"))
            .LoadAsync(options ?? Options, null, said.Add, default);

    private async Task<string> Refused(DataOptions? options = null)
    {
        var message = (await Assert.ThrowsAsync<DatasetException>(() => Load(options))).Message;
        Assert.EndsWith(".", message);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    [Theory]
    [InlineData(PreprocessingKind.Standardize, null)]
    [InlineData(PreprocessingKind.Imagenet, 24)]
    public async Task Images_that_stay_on_disk_are_the_same_as_in_memory(PreprocessingKind preprocessing, int? resize)
    {
        var loaded = Options with { Preprocessing = preprocessing, Validation = 0.34, Resize = resize, EvaluationResize = resize + 4 };
        var streamed = loaded with { Stream = true };
        Assert.False(loaded.IsStreamed);
        Assert.True(streamed.IsStreamed);
        using var scope = NewDisposeScope();
        var set = await Load(loaded);
        using var one = TrainingData.Prepare(new Spec { Data = loaded }, set, 1, CPU, root, null, said.Add);
        using var other = TrainingData.Prepare(new Spec { Data = streamed }, await Load(streamed), 1, CPU, root, null, said.Add);
        foreach (var (a, b) in new[] { (one.Train, other.Train), (one.Validation!, other.Validation!), (one.Test, other.Test) })
        {
            Assert.Equal(a.Count, b.Count);
            var places = arange(a.Count, ScalarType.Int64).flip(0);
            var pairs = new[]
            {
                (a.Batch(places), b.Batch(places)), (a.Slice(0, a.Count), b.Slice(0, b.Count)), (a.Raw(places), b.Raw(places)),
            };
            foreach (var (x, y) in pairs)
            {
                Assert.Equal(x.Images.shape, y.Images.shape);
                Assert.Equal(0, x.Images.sub(y.Images).abs().max().item<float>(), 1e-6);
                Assert.True(x.Labels.eq(y.Labels).all().item<bool>());
            }
        }
    }

    private string[] Cached => [.. Directory.GetFiles(Path.Combine(root, "cache"), "*.bin")];

    /// <summary>Mean and largest difference, in grey levels.</summary>
    private static void AssertNear(byte[] expected, ReadOnlySpan<byte> actual, double mean, int largest)
    {
        var differences = expected.Zip(actual.ToArray(), (e, a) => Math.Abs(e - a)).ToArray();
        Assert.Equal(expected.Length, actual.Length);
        Assert.InRange(differences.Average(), 0, mean);
        Assert.InRange(differences.Max(), 0, largest);
    }

    // Chroma at half size is brought up before the reduction by Pillow and with it by the decoder, so edges of colour differ
    // more than brightness does.
    [Theory]
    [InlineData("wide", 32, 2, 12)]
    [InlineData("wide", 64, 2, 12)]
    [InlineData("tall", 32, 2, 12)]
    [InlineData("small", 32, 1, 3)]
    [InlineData("small", 64, 1, 3)]
    [InlineData("progressive", 32, 2, 12)]
    [InlineData("grey", 32, 2, 12)]
    [InlineData("cmyk", 32, 2, 12)]
    [InlineData("png", 32, .6, 2)]
    [InlineData("png_grey", 32, .6, 2)]
    [InlineData("png_palette", 32, .6, 2)]
    [InlineData("png_alpha", 32, .6, 2)]
    public void Decodes_as_Pillow_does(string picture, int side, double mean, int largest)
    {
        Put(picture, "x.jpg");
        var decoder = new ImageDecoder(side);
        var square = new byte[3 * side * side];
        var remark = decoder.Decode(Path.Combine(root, "photos", "x.jpg"), square);
        Assert.Equal(picture.StartsWith("png", StringComparison.Ordinal) ? "it is a PNG" : null, remark);
        AssertNear(DatasetsGolden.Bytes($"picture_{picture}_{side}"), square, mean, largest);
    }

    [Fact]
    public async Task A_folder_gives_its_classes_in_order_and_its_images_in_turns()
    {
        var set = await Load();
        Assert.Equal([0, 1, 1], set.Train.Labels);
        Assert.Equal([0, 1], set.Test.Labels);
        Assert.Equal(["bee", "cat"], set.ClassNames!);
        Assert.Equal((3, 32, 32, 2), (set.Info.Channels, set.Info.Height, set.Info.Width, set.Info.Classes));
        foreach (var (place, picture) in new[] { "grey", "wide", "tall" }.Index())
            AssertNear(DatasetsGolden.Bytes($"picture_{picture}_32"), set.Train.Images.AsSpan(place * 3072, 3072), 2, 12);
        AssertNear(DatasetsGolden.Bytes("picture_small_32"), set.Test.Images.AsSpan(0, 3072), 2, 12);
    }

    [Fact]
    public async Task The_second_time_the_images_come_from_the_cache_and_a_changed_file_makes_them_anew()
    {
        var first = (await Load()).Train.Images;
        var cached = Assert.Single(Cached);
        Assert.Contains(said, line => line.Contains("decoding 5 images", StringComparison.Ordinal));

        // Marked, so that what is read can be told from what is decoded.
        using (var file = new FileStream(cached, FileMode.Open)) file.WriteByte((byte)(first[0] ^ 0xFF));
        said.Clear();
        Assert.Equal(first[0] ^ 0xFF, (await Load()).Train.Images[0]);
        Assert.Empty(said);

        Put("cmyk", "train", "cat", "c.jpeg");
        var third = (await Load()).Train.Images;
        Assert.Equal(first[0], third[0]);
        Assert.NotEqual(first[6144..], third[6144..]);
        Assert.NotEqual(cached, Assert.Single(Cached)); // The old one is gone.
    }

    [Fact]
    public async Task Another_size_or_limit_is_cached_beside()
    {
        await Load();
        Assert.Equal(3 * 64 * 64, (await Load(Options with { ImageSize = 64, TrainLimit = 1 })).Train.Images.Length);
        Assert.Equal(2, Cached.Length);
        var few = await Load(Options with { TrainLimit = 2 });
        Assert.Equal([0, 1], few.Train.Labels);
        Assert.Equal((await Load()).Train.Images[..6144], few.Train.Images);
    }

    [Fact]
    public async Task Those_who_come_together_decode_once()
    {
        Task<ImageSet> LoadAsync()
            => new DatasetStore(root, new Fetcher(new HttpClient())).LoadAsync(Options, null, Say, default);
        var sets = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(LoadAsync)));
        Assert.Single(said, line => line.StartsWith("decoding", StringComparison.Ordinal));
        Assert.All(sets, set => Assert.Equal(sets[0].Train.Images, set.Train.Images));
        Assert.Empty(Directory.GetFiles(Path.Combine(root, "cache"), "*.tmp"));

        void Say(string line)
        {
            lock (said) said.Add(line);
        }
    }

    [Fact]
    public async Task Counts_that_differ_are_told_with_what_to_set()
    {
        var message = await Refused(Options with { Classes = 3 });
        Assert.Contains("2 classes with 3 training and 2 test images", message);
        Assert.Contains("data.classes to 2", message);
        Assert.Contains("data.train_images to 3", await Refused(Options with { TrainImages = 4 }));
        Assert.Contains("data.test_images to 2", await Refused(Options with { TestImages = 5 }));
        Directory.Move(Path.Combine(root, "photos"), Path.Combine(root, "imagenet"));
        Assert.Contains("ImageNet has 1,000, 1,281,167 and 50,000", await Refused(new ImageNetOptions()));
    }

    [Fact]
    public async Task Missing_folders_and_classes_are_named()
    {
        var photos = Path.Combine(root, "photos");
        Directory.Move(Path.Combine(photos, "val"), Path.Combine(photos, "test"));
        Assert.Equal(2, (await Load()).Test.Count); // test will do as well.
        Directory.Move(Path.Combine(photos, "test", "bee"), Path.Combine(photos, "test", "wasp"));
        Assert.Contains("lacks the class bee", await Refused());
        Directory.Delete(Path.Combine(photos, "test"), recursive: true);
        Assert.Contains("no folder val (or test)", await Refused());
        Directory.Delete(Path.Combine(photos, "train"), recursive: true);
        Assert.Contains("There is no folder", await Refused());
        Assert.Contains("imagenet", await Refused(new ImageNetOptions()));
    }

    [Fact]
    public async Task An_empty_class_is_named()
    {
        File.Delete(Path.Combine(root, "photos", "train", "bee", "b.jpg"));
        Assert.Contains("bee holds no JPEG file", await Refused());
    }

    [Theory]
    [InlineData("")]
    [InlineData("GIF89a, not a JPEG")]
    [InlineData("\u00ff\u00d8\u00ff\u00e0 and then nothing")]
    [InlineData("\u0089PNG\r\n\u001a\n")]
    public async Task A_file_that_is_no_picture_is_named(string content)
    {
        File.WriteAllBytes(Path.Combine(root, "photos", "train", "cat", "a.JPEG"), System.Text.Encoding.Latin1.GetBytes(content));
        Assert.Contains(Path.Combine("train", "cat", "a.JPEG"), await Refused());
        Assert.Empty(Cached);
    }

    [Theory]
    [InlineData("wide")]
    [InlineData("progressive")]
    [InlineData("png")]
    public async Task A_picture_that_is_cut_short_is_named(string picture)
    {
        var whole = DatasetsGolden.Bytes($"picture_{picture}");
        foreach (var length in new[] { 3, 20, whole.Length / 2, whole.Length - (picture == "png" ? 20 : 200) })
        {
            File.WriteAllBytes(Path.Combine(root, "photos", "val", "cat", "e.jpg"), whole[..length]);
            Assert.Contains("e.jpg", await Refused());
        }
    }

    [Fact]
    public async Task A_picture_with_a_broken_stretch_is_taken_and_told()
    {
        var broken = DatasetsGolden.Bytes("picture_wide").ToArray();
        broken.AsSpan(broken.Length * 3 / 4, 8).Fill(0xFF);
        File.WriteAllBytes(Path.Combine(root, "photos", "val", "cat", "e.jpg"), broken);
        Assert.Equal(2, (await Load()).Test.Count);
        Assert.Contains(said, line => line.Contains("1 files are not quite right", StringComparison.Ordinal)
            && line.Contains("e.jpg", StringComparison.Ordinal));
    }

    private string? Decode(byte[] file, byte[] square, int side = 32)
    {
        var path = Path.Combine(root, "photos", "x.jpg");
        File.WriteAllBytes(path, file);
        return new ImageDecoder(side).Decode(path, square);
    }

    [Fact]
    public void Orientation_and_colour_profile_are_ignored()
    {
        var plain = DatasetsGolden.Bytes("picture_tall");
        // EXIF with orientation 6, and an ICC profile that is no profile: both behind the start marker.
        byte[] exif = [0xFF, 0xE1, 0, 34, .. "Exif\0\0MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
        byte[] profile = [0xFF, 0xE2, 0, 18, .. "ICC_PROFILE\0"u8, 1, 1, 0, 0];
        var (expected, actual) = (new byte[3072], new byte[3072]);
        Assert.Null(Decode(plain, expected));
        Assert.Null(Decode([.. plain[..2], .. exif, .. profile, .. plain[2..]], actual));
        Assert.Equal(expected, actual);
    }

    // Pillow takes the values of every CMYK file as Adobe's programs write them.
    [Fact]
    public void Cmyk_without_Adobes_marker_is_read_as_Pillow_does()
    {
        var marked = DatasetsGolden.Bytes("picture_cmyk");
        var at = marked.AsSpan().IndexOf("Adobe"u8) - 4;
        var length = marked[at + 2] << 8 | marked[at + 3];
        var (expected, actual) = (new byte[3072], new byte[3072]);
        Assert.Null(Decode(marked, expected));
        Assert.Null(Decode([.. marked[..at], .. marked[(at + 2 + length)..]], actual));
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Bytes_between_segments_are_remarked_and_bytes_after_the_end_are_not()
    {
        var plain = DatasetsGolden.Bytes("picture_wide");
        var (expected, actual) = (new byte[3072], new byte[3072]);
        Assert.Null(Decode(plain, expected));
        Assert.Null(Decode([.. plain, 1, 2, 3, 0xFF, 0xDA], actual));
        Assert.Equal(expected, actual);
        var second = 4 + (plain[4] << 8 | plain[5]);
        Assert.Contains("belong to no segment", Decode([.. plain[..second], 1, 2, 3, .. plain[second..]], actual));
        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData("FFD8 FFC0000B08FFDCFFDC01011100 FFDA00080101003F00 FFD9")]
    [InlineData("89504E470D0A1A0A 0000000D49484452 0000400000004000 0800000000 01020304")]
    public void A_file_that_claims_too_many_pixels_is_refused_before_they_are_allocated(string hex)
    {
        var file = Convert.FromHexString(hex.Replace(" ", ""));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("claims", Assert.Throws<DatasetException>(() => Decode(file, new byte[3072])).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pipe_is_refused_and_not_waited_for(bool behindLink)
    {
        var (path, pipe) = (Path.Combine(root, "photos", "val", "cat", "e.jpg"), Path.Combine(root, "pipe"));
        File.Delete(path);
        var cancel = Xunit.TestContext.Current.CancellationToken;
        using (var make = System.Diagnostics.Process.Start("mkfifo", behindLink ? pipe : path)) await make.WaitForExitAsync(cancel);
        if (behindLink) File.CreateSymbolicLink(path, pipe);
        Assert.Contains("not a regular file", await Refused().WaitAsync(TimeSpan.FromSeconds(30), cancel));
    }

    [Theory]
    [InlineData("../photos")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("/etc")]
    [InlineData("a b")]
    [InlineData("é")]
    public async Task A_folder_name_never_leaves_the_data_directory(string name)
    {
        var spec = new Spec { Data = Options with { Folder = name } };
        var problems = SpecReader.Read(SpecWriter.ToJson(spec).ToJsonString()).Problems;
        Assert.Equal("data.folder", problems.Single(p => p.Path == "data.folder").Path);
        Assert.Contains("plain folder name", await Refused(Options with { Folder = name }));
    }

    [Fact]
    public async Task A_folder_trains_as_any_other_set()
    {
        var spec = new Spec { Data = Options, Training = new TrainingOptions { Epochs = 1, BatchSize = 2 } };
        var set = await Load();
        using var data = TrainingData.Prepare(spec, set, 1, CPU, root, null, _ => { });
        var (images, labels) = data.Train.Slice(0, 3);
        Assert.Equal([3, 3, 32, 32], images.shape);
        Assert.Equal([0L, 1L, 1L], labels.data<long>().ToArray());
    }

    [Fact]
    public void A_pixel_file_gives_the_same_in_blocks_as_at_once()
    {
        var path = Path.Combine(root, "pixels");
        var bytes = new byte[10 + 3 * (40 << 20)];
        new Random(1).NextBytes(bytes);
        File.WriteAllBytes(path, bytes);
        var split = new ImageSplit(new PixelFile(path, 10, 40 << 20), [0, 1, 2]);
        var blocks = split.Blocks().ToList();
        Assert.Equal([0, 1, 2], blocks.Select(b => b.Start));
        Assert.True(split.Images.AsSpan().SequenceEqual(bytes.AsSpan(10)));
        Assert.True(blocks[2].Images.AsSpan().SequenceEqual(bytes.AsSpan(10 + 2 * (40 << 20))));
        Assert.Single(split.First(1).Blocks());
    }
}
