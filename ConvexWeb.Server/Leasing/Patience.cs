using ConvexWeb.Server.Persistence;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>Does something with a database that may be away, until it is done.</summary>
public sealed class Patience(TimeProvider time, ILogger<Patience> log)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);
    private const int MostRefusals = 3;

    /// <exception cref="PostgresException">The database is there and says no, also when asked again.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public async Task<T> TryAsync<T>(string what, Func<CancellationToken, Task<T>> action, CancellationToken cancel)
    {
        var wait = First;
        var refusals = 0;
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await action(cancel);
            }
            // A refusal is asked about again because of the duplicate of a commit whose answer was lost.
            catch (Exception problem) when (Outage.Is(problem) || Outage.IsRefusal(problem) && ++refusals < MostRefusals)
            {
                if (tries == 1) log.LogWarning("{What} must wait for the database: {Problem}", what, problem.Message);
            }
            await Task.Delay(wait, time, cancel);
            wait = wait * 2 < Longest ? wait * 2 : Longest;
        }
    }
}
