using ConvexWeb.Server.Persistence;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Server;

/// <summary>What keeps the server from starting and is the operator's to mend: told in words, not as a stack trace.</summary>
public static class StartProblem
{
    public static bool Explains(Exception problem)
        => problem is OptionsValidationException or ClusterException or StartException || IsTaken(problem);

    /// <returns>The exit code.</returns>
    public static int Tell(Exception problem)
    {
        Console.Error.WriteLine(Text(problem));
        return 1;
    }

    public static string Text(Exception problem) => problem switch
    {
        OptionsValidationException settings =>
            "ConvexWeb cannot start with these settings:"
            + string.Concat(settings.Failures.Select(failure => $"{Environment.NewLine}  - {failure}")),
        _ when IsTaken(problem) =>
            $"ConvexWeb cannot start: {problem.Message} "
            + "Perhaps it runs already; stop that one, or choose another address with Convex:Url.",
        _ => $"ConvexWeb cannot start: {problem.Message}",
    };

    /// <summary>After a start that failed half way: ends the services that run already. What they say to that is not the problem.</summary>
    public static async Task StopWhatBeganAsync(IHost host)
    {
        Environment.ExitCode = 1;
        try
        {
            await host.StopAsync();
        }
        catch (Exception problem)
        {
            host.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(StartProblem))
                .LogDebug(problem, "A service ended with an error after a start that failed");
        }
    }

    private static bool IsTaken(Exception problem) => problem is IOException { InnerException: AddressInUseException };
}
