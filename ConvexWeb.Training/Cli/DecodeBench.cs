using System.CommandLine;
using ConvexWeb.Training.Data;

namespace ConvexWeb.Training.Cli;

/// <summary><c>bench decode</c>: JPEG files to squares in memory, as image folders are read; prints images per second.</summary>
internal static class DecodeBench
{
    public static Command Create()
    {
        var folder = new Option<string>("--folder")
        {
            Description = "A folder in the data directory, with CLASS/*.jpg or train/CLASS/*.jpg",
            Required = true,
        };
        var size = new Option<int>("--size") { Description = "Side of the squares", DefaultValueFactory = _ => 64 };
        size.Validators.Add(r => { if (r.GetValueOrDefault<int>() is < 32 or > 512) r.AddError("--size must be from 32 to 512."); });
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => Environment.ProcessorCount };
        threads.Validators.Add(r => { if (r.GetValueOrDefault<int>() is < 1 or > 1024) r.AddError("--threads must be from 1 to 1024."); });
        var images = new Option<int>("--images")
        {
            Description = "Images to decode; the files are taken again and again",
            DefaultValueFactory = _ => 2000,
        };
        images.Validators.Add(
            r => { if (r.GetValueOrDefault<int>() is < 1 or > 100_000_000) r.AddError("--images must be from 1 to 100000000."); });
        var data = DataFolder.Option();
        var command = new Command("decode", "Images per second from JPEG files to squares in memory.")
        {
            folder, size, threads, images, data,
        };
        command.SetAction(p =>
        {
            var name = p.GetValue(folder)!;
            if (!ImageFolderOptions.IsPlainName(name))
                throw new BadInputException($"--folder must be the plain name of a folder in {p.GetValue(data)}; got '{name}'.");
            var root = Path.Combine(p.GetValue(data)!, name);
            Console.WriteLine(PerSecond(root, p.GetValue(size), p.GetValue(threads), p.GetValue(images)).ToString("0.0"));
            return ExitCodes.Done;
        });
        return command;
    }

    private static double PerSecond(string root, int size, int threads, int images)
    {
        var inner = Path.Combine(root, "train");
        if (!Directory.Exists(inner)) inner = root;
        if (!Directory.Exists(inner)) throw new BadInputException($"There is no folder {root}.");
        var files = JpegFolder.Files(root, inner, JpegFolder.ClassesIn(inner));
        if (files.Count == 0) throw new BadInputException($"{inner} holds no class folders with JPEG files.");

        void Decode(int count)
            => JpegFolderReader.ForEach(
                count, size, threads,
                (decoder, image, i) => decoder.Decode(Path.Combine(root, files[i % files.Count].Path), image), CancellationToken.None);

        // Every file once, so that the disk and the compiler have no part in the figure.
        Decode(Math.Max(files.Count, 200));
        var start = TimeProvider.System.GetTimestamp();
        Decode(images);
        return images / TimeProvider.System.GetElapsedTime(start).TotalSeconds;
    }
}
