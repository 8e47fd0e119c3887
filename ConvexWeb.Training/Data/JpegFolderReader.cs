using System.Collections.Concurrent;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Makes uint8 images of one size out of a folder of JPEG files, on all cores, and keeps them in one file of the cache: N × 3 × S × S
/// bytes, training images first. Whoever comes second finds them; a change of the folder makes them anew.
/// </summary>
/// <param name="cache">Folder of the cache.</param>
internal sealed class JpegFolderReader(string cache, Action<string> say)
{
    private const int Shares = 10;
    private const string Unfinished = ".tmp";

    public async Task<ImageSet> ReadAsync(string root, JpegFolderOptions options, DatasetInfo info, CancellationToken cancel)
    {
        var whole = JpegFolder.Scan(root);
        whole.Check(options);
        var folder = whole with
        {
            Train = [.. whole.Train.Take(options.TrainLimit ?? int.MaxValue)],
            Test = [.. whole.Test.Take(options.TestLimit ?? int.MaxValue)],
        };
        var family = $"images-{Path.GetFileName(root)}-{options.ImageSize}-{folder.Train.Count}-{folder.Test.Count}-";
        var file = Path.Combine(cache, $"{family}{folder.Fingerprint(options.ImageSize)}.bin");
        Directory.CreateDirectory(cache);
        if (!File.Exists(file))
        {
            // Trainers that want the same images start together: one of them decodes, the others wait and find the file.
            await using var alone = await FileLock.TakeAsync(Path.Combine(cache, family.TrimEnd('-') + ".lock"), say, cancel);
            if (!File.Exists(file))
            {
                // What an earlier one left when it was killed; it would also stand in the way of the room that is asked for.
                foreach (var half in Directory.EnumerateFiles(cache, family + "*.bin" + Unfinished)) File.Delete(half);
                try
                {
                    Decode(folder, options.ImageSize, file, cancel);
                }
                catch
                {
                    File.Delete(file + Unfinished);
                    throw;
                }
                // Of the same folder as it was before; who still reads one keeps it until done.
                foreach (var old in Directory.EnumerateFiles(cache, family + "*.bin").Where(f => f != file && f.Length == file.Length))
                    File.Delete(old);
            }
        }
        return new(
            info,
            new(new PixelFile(file, 0, info.Dimensions), [.. folder.Train.Select(f => f.Label)]),
            new(new PixelFile(file, (long)folder.Train.Count * info.Dimensions, info.Dimensions), [.. folder.Test.Select(f => f.Label)]))
        {
            ClassNames = folder.Classes,
        };
    }

    private void Decode(JpegFolder folder, int side, string target, CancellationToken cancel)
    {
        List<JpegFile> files = [.. folder.Train, .. folder.Test];
        var imageBytes = 3 * side * side;
        var total = (long)files.Count * imageBytes;
        if (new DriveInfo(Path.GetFullPath(cache)).AvailableFreeSpace is var free && free < total)
            throw new DatasetException(
                $"{files.Count:N0} images of {side} × {side} take {total / 1e9:0.0} GB in {cache}, where {free / 1e9:0.0} GB are free: "
                + "make room, or set a smaller data.image_size or data.train_limit.");
        say($"decoding {files.Count:N0} images of {folder.Root} to {side} × {side} (kept for next time)");

        var remarks = new ConcurrentQueue<string>();
        var done = 0;
        var temporary = target + Unfinished;
        using (var output = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write))
        {
            ForEach(files.Count, side, Environment.ProcessorCount, (decoder, image, i) =>
            {
                if (decoder.Decode(Path.Combine(folder.Root, files[i].Path), image) is { } remark)
                    remarks.Enqueue($"{files[i].Path}: {remark}");
                RandomAccess.Write(output, image, (long)i * imageBytes);
                var now = Interlocked.Increment(ref done);
                if (now * (long)Shares / files.Count != (now - 1) * (long)Shares / files.Count)
                    say($"{now:N0} of {files.Count:N0} images decoded");
            }, cancel);
            RandomAccess.FlushToDisk(output);
        }
        File.Move(temporary, target, overwrite: true);
        if (remarks.TryDequeue(out var first))
            say($"{remarks.Count + 1:N0} files are not quite right but could be decoded, for example {first}");
    }

    /// <summary>
    /// Calls back for each of <paramref name="count"/> images on several threads,
    /// each of which has a decoder and room for one image [3, S, S].
    /// </summary>
    public static void ForEach(int count, int side, int threads, Action<ImageDecoder, byte[], int> body, CancellationToken cancel)
    {
        try
        {
            Parallel.For(
                0, count, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancel },
                () => (Decoder: new ImageDecoder(side), Image: new byte[3 * side * side]),
                (i, _, own) =>
                {
                    body(own.Decoder, own.Image, i);
                    return own;
                },
                _ => { });
        }
        catch (AggregateException e) when (e.InnerExceptions.FirstOrDefault(
            inner => inner is DatasetException or IOException or UnauthorizedAccessException) is { } first)
        {
            throw first is DatasetException ? first : new DatasetException(first.Message, first);
        }
    }
}
