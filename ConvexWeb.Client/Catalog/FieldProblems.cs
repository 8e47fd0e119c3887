using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Client.Catalog;

/// <summary>Which field of the form a problem belongs to, and how problems stand beside it.</summary>
public static class FieldProblems
{
    /// <summary><c>grid.optimizer.lr[1]</c> and <c>spec.optimizer.lr</c> are both at <c>optimizer.lr</c>.</summary>
    public static string FieldOf(string path)
    {
        foreach (var prefix in new[] { "grid.", "spec." })
        {
            if (path.StartsWith(prefix, StringComparison.Ordinal)) path = path[prefix.Length..];
        }
        var bracket = path.IndexOf('[', StringComparison.Ordinal);
        return bracket > 0 ? path[..bracket] : path;
    }

    /// <summary>Each sentence once; empty when nothing is wrong.</summary>
    public static string Sentences(IEnumerable<FieldProblem> problems)
        => string.Join(' ', problems.Select(problem => problem.Message).Distinct());
}
