using System.CommandLine;
using ConvexWeb.Training.Data;

namespace ConvexWeb.Training.Cli;

/// <summary>The <c>--data</c> option and the store behind it.</summary>
internal static class DataFolder
{
    private const string MirrorVariable = "CONVEX_DATASET_MIRROR";

    public static Option<string> Option() => new("--data")
    {
        Description = "Folder of the data sets",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("CONVEX_DATASETS")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".convexweb", "datasets"),
    };

    public static Fetcher Fetcher()
    {
        var mirror = Environment.GetEnvironmentVariable(MirrorVariable);
        if (mirror is not null && !(Uri.TryCreate(mirror, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"))
            throw new BadInputException($"{MirrorVariable} must be an http or https address; got '{mirror}'.");
        return new Fetcher(new HttpClient { Timeout = Timeout.InfiniteTimeSpan }, mirror);
    }

    public static DatasetStore Store(string root) => new(root, Fetcher());
}
