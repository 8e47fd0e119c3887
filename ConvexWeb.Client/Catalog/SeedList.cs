using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Client.Catalog;

/// <summary>Seeds as people write them: <c>0,1,2</c> or <c>0-4</c> or both.</summary>
public static class SeedList
{
    public const int Most = Submission.MostRuns;

    /// <summary>The seeds in the order written, each once; or null and one sentence that says what is wrong.</summary>
    public static IReadOnlyList<int>? Parse(string? text, out string? problem)
    {
        var seeds = new List<int>();
        foreach (var part in (text ?? "").Split([',', ' ', ';'], StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = part.Split('-', '–');
            if (ends.Length > 2 || !int.TryParse(ends[0], out var first) || !int.TryParse(ends[^1], out var last))
            {
                problem = $"“{part}” is not a seed: write whole numbers from 0, such as 0,1,2 or 0-4.";
                return null;
            }
            if (last < first || last - (long)first >= Most)
            {
                problem = $"“{part}” must go upwards and hold at most {Most} seeds.";
                return null;
            }
            seeds.AddRange(Enumerable.Range(first, last - first + 1));
        }
        problem = seeds.Count == 0 ? "Give at least one seed, such as 0." : seeds.Count > Most ? $"At most {Most} seeds." : null;
        return problem is null ? [.. seeds.Distinct()] : null;
    }

    /// <summary>The shortest way to write them.</summary>
    public static string Write(IReadOnlyList<int> seeds) =>
        seeds.Count > 2 && seeds.Zip(seeds.Skip(1)).All(p => p.Second == p.First + 1) ? $"{seeds[0]}-{seeds[^1]}" : string.Join(",", seeds);
}
