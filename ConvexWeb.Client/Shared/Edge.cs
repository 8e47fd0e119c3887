using System.Data.Common;
using ConvexWeb.Client.Contracts;
using Microsoft.Extensions.Logging;

namespace ConvexWeb.Client.Shared;

/// <summary>
/// The edge between a page and the services behind it: what fails there must not end the circuit, and the user must read what to do.
/// </summary>
public static class Edge
{
    private const string DiskFull = "53100"; // disk_full, of SQL's standard states as PostgreSQL extends them

    /// <summary>Runs the action; null when it went well, else one sentence for the user. The details go to the log.</summary>
    public static async Task<string?> TryAsync(ILogger logger, Func<Task> action)
    {
        try
        {
            await action();
            return null;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        catch (Exception refusal) when (refusal is InvalidInputException or AccessDeniedException)
        {
            return refusal.Message;
        }
        catch (Exception failure)
        {
            logger.LogError(failure, "A page could not reach what it shows");
            if (failure is DbException { SqlState: DiskFull })
            {
                return "The database's disk is full, so nothing can be stored. "
                    + "Ask an administrator to make room; nothing that is stored is lost.";
            }
            return failure is DbException or TimeoutException
                ? "The database does not answer. Trainings go on and keep their points; try again in a moment."
                : "The server ran into an error, which is in its log. Try again, or ask an administrator to look there.";
        }
    }
}
