using System.CommandLine;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Cli;

/// <summary><c>datasets fetch|verify|list</c>.</summary>
internal static class DatasetsCommand
{
    public static Command Create()
    {
        var command = new Command("datasets", "Downloads and verifies data sets.") { Fetch(), Verify(), List() };
        return command;
    }

    private static Argument<string> Name()
    {
        string[] names = [.. Catalogue.Datasets.Choices.Where(e => e.Options != typeof(GlyphsOptions)).Select(e => e.Name)];
        var name = new Argument<string>("NAME") { Description = string.Join(", ", names) };
        name.AcceptOnlyFromAmong(names);
        return name;
    }

    private static Command Fetch()
    {
        var (name, data) = (Name(), DataFolder.Option());
        var command = new Command("fetch", "Downloads the official files; goes on where a broken download stopped.") { name, data };
        command.SetAction(async (parsed, cancel) =>
        {
            var (dataset, store) = (parsed.GetValue(name)!, DataFolder.Store(parsed.GetValue(data)!));
            var known = Options(dataset);
            if (known.Files.Count == 0)
            {
                var where = known is ImageNetOptions ? ", named imagenet; image-net.org gives them to researchers" : "";
                throw new BadInputException(
                    $"{dataset} cannot be fetched: "
                    + $"put the images into train/CLASS/*.jpg and val/CLASS/*.jpg of a folder in {parsed.GetValue(data)}{where}.");
            }
            foreach (var file in known.Files)
            {
                await DataFolder.Fetcher().FetchAsync(dataset, file, store.FolderOf(known), new Meter(), say: null, cancel);
                Console.WriteLine($"\r{file.Name}: whole, checksum right".PadRight(70));
            }
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Verify()
    {
        var (name, data) = (Name(), DataFolder.Option());
        var folder = new Option<string?>("--folder") { Description = "For image_folder: the folder's name in the data directory" };
        var side = new Option<int>("--size")
        {
            Description = "For image_folder and imagenet: the image_size to decode to",
            DefaultValueFactory = _ => 64,
        };
        side.Validators.Add(r => { if (r.GetValueOrDefault<int>() is < 32 or > 512) r.AddError("--size must be from 32 to 512."); });
        var command = new Command("verify",
            "Compares the files with the published checksums, and reads them. Of a folder of images: counts and decodes them.")
        {
            name, data, folder, side,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            var (dataset, store) = (parsed.GetValue(name)!, DataFolder.Store(parsed.GetValue(data)!));
            var options = Options(dataset);
            if (options is JpegFolderOptions jpegs)
            {
                options = jpegs with { ImageSize = parsed.GetValue(side) };
                if (options is ImageFolderOptions own) options = Counted(own, parsed.GetValue(folder), store);
            }
            else if (!store.Has(options))
                throw new BadInputException($"{dataset} is not in {store.FolderOf(options)}; 'datasets fetch {dataset}' gets it.");
            var genuine = await Genuine(options, store, cancel);
            var set = await store.LoadAsync(options, null, Console.WriteLine, cancel);
            Console.WriteLine(
                $"{set.Train.Count:N0} training and {set.Test.Count:N0} test images, {set.Train.Labels.Distinct().Count()} classes");
            var info = DatasetInfo.Stored(options);
            var whole = set.Train.Count == info.TrainImages && set.Test.Count == info.TestImages;
            if (!whole)
                Console.WriteLine(
                    $"NOT WHOLE: {info.TrainImages:N0} training and {info.TestImages:N0} test images should be there; "
                    + "delete the files and fetch them again");
            return genuine && whole ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }

    private static ImageFolderOptions Counted(ImageFolderOptions options, string? folder, DatasetStore store)
    {
        if (folder is null || !ImageFolderOptions.IsPlainName(folder))
        {
            var there = store.ImageFolders() is { Count: > 0 } here
                ? "there are " + string.Join(", ", here)
                : "there is none with train/ in it";
            throw new BadInputException($"--folder must name a folder in the data directory; {there}.");
        }
        var counted = store.Count(options with { Folder = folder });
        var counts = $"\"classes\": {counted.Classes}, \"train_images\": {counted.TrainImages}, \"test_images\": {counted.TestImages}";
        Console.WriteLine($$"""the spec's data: {"name": "image_folder", "folder": "{{folder}}", {{counts}}}""");
        return counted;
    }

    private static async Task<bool> Genuine(DataOptions dataset, DatasetStore store, CancellationToken cancel)
    {
        var genuine = true;
        foreach (var file in dataset.Files)
        {
            var path = Path.Combine(store.FolderOf(dataset), file.Name);
            var verdict = !File.Exists(path) ? "unpacked by hand: there is no published checksum for the parts"
                : await Fetcher.IsGenuineAsync(path, file, cancel) ? "checksum right" : "CHECKSUM WRONG: delete it and fetch it again";
            genuine &= !verdict.StartsWith("CHECKSUM", StringComparison.Ordinal);
            Console.WriteLine($"{file.Name}: {verdict}");
        }
        return genuine;
    }

    private static Command List()
    {
        var data = DataFolder.Option();
        var command = new Command("list", "Lists the data sets and which of them are here.") { data };
        command.SetAction(parsed =>
        {
            var store = DataFolder.Store(parsed.GetValue(data)!);
            foreach (var entry in Catalogue.Datasets.Choices)
                Console.WriteLine($"{entry.Name,-16}{State(Options(entry.Name), store),-32}{entry.Summary}");
            return ExitCodes.Done;
        });
        return command;
    }

    private static string State(DataOptions options, DatasetStore store) => options switch
    {
        GlyphsOptions => "drawn on the spot",
        ImageFolderOptions when store.ImageFolders() is { Count: > 0 } folders => "here: " + string.Join(", ", folders),
        ImageFolderOptions => "not here; put it there yourself",
        _ when store.Has(options) => "here",
        { Files.Count: > 0 } => "not here; fetched when needed",
        _ => "not here; put it there yourself",
    };

    private static DataOptions Options(string name) => (DataOptions)Activator.CreateInstance(Catalogue.Datasets.Find(name)!.Options)!;

    private sealed class Meter : IProgress<FetchProgress>
    {
        public void Report(FetchProgress value)
        {
            if (!Console.IsOutputRedirected)
                Console.Write($"\r{value.File}: {value.Done >> 20} MB{(value.Total is { } all ? $" of {all >> 20} MB" : "")}   ");
        }
    }
}
