using ConvexWeb.Server.Persistence;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Server;

/// <summary>What keeps the server from starting and is the operator's to mend: told in words, not as a stack trace.</summary>
public static class StartProblem
{
    public static bool Explains(Exception problem) => problem is OptionsValidationException or ClusterException;

    /// <returns>The exit code.</returns>
    public static int Tell(Exception problem)
    {
        Console.Error.WriteLine(Text(problem));
        return 1;
    }

    private static string Text(Exception problem) => problem is OptionsValidationException settings
        ? "ConvexWeb cannot start with these settings:" + string.Concat(settings.Failures.Select(failure => $"{Environment.NewLine}  - {failure}"))
        : $"ConvexWeb cannot start: {problem.Message}";
}
