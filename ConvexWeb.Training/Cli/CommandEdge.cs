using System.CommandLine;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Events;

namespace ConvexWeb.Training.Cli;

/// <summary>Exit codes that scripts and the worker rely on.</summary>
public static class ExitCodes
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int BadInput = 2;

    /// <summary>Stopped on request, with a checkpoint.</summary>
    public const int Stopped = 3;
}

/// <summary>Input that is the caller's mistake; the message says which field and what is allowed.</summary>
public sealed class BadInputException(params IEnumerable<string> messages) : Exception(string.Join(Environment.NewLine, messages));

/// <summary>The edge of the process: turns every exception into a sentence and an exit code.</summary>
internal static class CommandEdge
{
    public static int Run(RootCommand root, string[] args)
    {
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors) Console.Error.WriteLine(error.Message);
            Console.Error.WriteLine("See --help.");
            return ExitCodes.BadInput;
        }
        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (BadInputException e)
        {
            Console.Error.WriteLine(e.Message);
            return ExitCodes.BadInput;
        }
        catch (Exception e) when (e is DatasetException or SafeTensorsException or IOException
            or UnauthorizedAccessException or DllNotFoundException or TypeInitializationException)
        {
            Console.Error.WriteLine((e as TypeInitializationException)?.InnerException?.Message ?? e.Message);
            return ExitCodes.Failed;
        }
        catch (Exception e)
        {
            Console.Error.WriteLine(e);
            return ExitCodes.Failed;
        }
    }
}
