using System.Security.Cryptography;
using ConvexWeb.Training.Data;
using static TorchSharp.torch;

namespace ConvexWeb.Training.Engine;

/// <summary>Fits whitenings and keeps them: runs of the same images (seeds, labels) do the work once.</summary>
/// <param name="cache">Folder of the fitted matrices.</param>
/// <param name="keep">Folder of the run, which gets its matrix beside the checkpoints; null for none.</param>
internal sealed class WhiteningStore(string cache, string? keep, Action<string> say, CancellationToken cancel)
{
    private const long HashBlock = 64 << 20;

    /// <param name="train">The training images, uint8 or float32 [N, d].</param>
    public ZcaWhitening Of(Tensor train, double eps)
    {
        var (count, dimensions) = (train.shape[0], (int)train.shape[1]);
        var few = Whitening.IsFew(count, dimensions);
        Directory.CreateDirectory(cache);
        var file = Path.Combine(cache, $"zca-{Fingerprint(train, eps)}.safetensors");
        if (!File.Exists(file))
        {
            // Such runs start together: one of them does the work.
            using var alone = FileLock.Take(file + ".lock", say, cancel);
            if (!File.Exists(file))
            {
                var size = few ? count : dimensions;
                say($"ZCA whitening: eigenvalues of a {size} × {size} covariance (kept for next time)");
                var (fitted, fit) = few ? Whitening.FitFew(train, eps) : Whitening.Fit(train, eps);
                SafeTensors.Save(file, [("mean", fitted), (few ? "basis" : "matrix", fit)],
                    new Dictionary<string, string> { ["eps"] = eps.ToString("R") });
            }
        }
        var (tensors, _) = SafeTensors.Load(file);
        if (keep is not null) File.Copy(file, Path.Combine(keep, "whitening.safetensors"), overwrite: true);
        return new(tensors["mean"], tensors[few ? "basis" : "matrix"], few, eps);
    }

    private static string Fingerprint(Tensor images, double eps)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long at = 0, count = images.shape[0], rows = Math.Max(1, HashBlock / images.shape[1]); at < count; at += rows)
        {
            using var block = images.narrow(0, at, Math.Min(rows, count - at));
            hash.AppendData(block.bytes);
        }
        hash.AppendData(BitConverter.GetBytes(eps));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..24];
    }
}
