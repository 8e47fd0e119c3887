using ConvexWeb.Client.Contracts;
using Microsoft.Extensions.Logging;

namespace ConvexWeb.Client.Shared.Feedback;

/// <summary>
/// The edge between a page and the services behind it: what fails there must not end the circuit, and the user must read what to do.
/// </summary>
public sealed class Backend(IFailures failures, ILogger<Backend> logger)
{
    /// <summary>Runs the action; null when it went well, else one sentence for the user. The details go to the log.</summary>
    public async Task<string?> TryAsync(Func<Task> action)
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
            return failures.Sentence(failure);
        }
    }

    /// <summary>For questions of which only the newest answer counts.</summary>
    public Latest<T> Latest<T>() => new(this);
}
