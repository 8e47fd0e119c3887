using System.CommandLine;
using ConvexWeb.Training.Datasets;
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
        var name = new Argument<string>("NAME") { Description = string.Join(", ", DatasetFiles.All.Keys) };
        name.AcceptOnlyFromAmong([.. DatasetFiles.All.Keys]);
        return name;
    }

    private static Command Fetch()
    {
        var (name, data) = (Name(), DataFolder.Option());
        var command = new Command("fetch", "Downloads the official files; goes on where a broken download stopped.") { name, data };
        command.SetAction(async (parsed, cancel) =>
        {
            var (dataset, store) = (parsed.GetValue(name)!, DataFolder.Store(parsed.GetValue(data)!));
            foreach (var file in DatasetFiles.All[dataset])
            {
                await DataFolder.Fetcher().FetchAsync(dataset, file, store.FolderOf(dataset), new Meter(), cancel);
                Console.WriteLine($"\r{file.Name}: whole, checksum right".PadRight(70));
            }
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Verify()
    {
        var (name, data) = (Name(), DataFolder.Option());
        var command = new Command("verify", "Compares the files with the published checksums, and reads them.") { name, data };
        command.SetAction(async (parsed, cancel) =>
        {
            var (dataset, store) = (parsed.GetValue(name)!, DataFolder.Store(parsed.GetValue(data)!));
            if (!store.HasFiles(dataset)) throw new BadInputException($"{dataset} is not in {store.FolderOf(dataset)}; 'datasets fetch {dataset}' gets it.");
            var genuine = true;
            foreach (var file in DatasetFiles.All[dataset])
            {
                var path = Path.Combine(store.FolderOf(dataset), file.Name);
                var verdict = !File.Exists(path) ? "unpacked by hand: there is no published checksum for the parts"
                    : await Fetcher.IsGenuineAsync(path, file, cancel) ? "checksum right" : "CHECKSUM WRONG: delete it and fetch it again";
                genuine &= !verdict.StartsWith("CHECKSUM", StringComparison.Ordinal);
                Console.WriteLine($"{file.Name}: {verdict}");
            }
            var options = (DataOptions)Activator.CreateInstance(Catalogue.Datasets.Find(dataset)!.Options)!;
            var set = await store.LoadAsync(options, null, Console.WriteLine, cancel);
            Console.WriteLine($"{set.Train.Count:N0} training and {set.Test.Count:N0} test images, {set.Train.Labels.Distinct().Count()} classes");
            return genuine ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }

    private static Command List()
    {
        var data = DataFolder.Option();
        var command = new Command("list", "Lists the data sets and which of them are here.") { data };
        command.SetAction(parsed =>
        {
            var store = DataFolder.Store(parsed.GetValue(data)!);
            foreach (var entry in Catalogue.Datasets.Choices)
                Console.WriteLine($"{entry.Name,-16}{(entry.Options == typeof(GlyphsOptions) ? "drawn on the spot" : store.HasFiles(entry.Name) ? "here" : "not here; fetched when needed"),-32}{entry.Summary}");
            return ExitCodes.Done;
        });
        return command;
    }

    private sealed class Meter : IProgress<FetchProgress>
    {
        public void Report(FetchProgress value)
        {
            if (!Console.IsOutputRedirected) Console.Write($"\r{value.File}: {value.Done >> 20} MB{(value.Total is { } all ? $" of {all >> 20} MB" : "")}   ");
        }
    }
}
