using Npgsql;
using Polly;

namespace ConvexWeb.Server.Persistence;

/// <summary>Does something with a database that may be away, until it is done.</summary>
public sealed class DatabaseRetry(TimeProvider time, ILogger<DatabaseRetry> log)
{
    private readonly ResiliencePipeline pipeline = Resilience.Outage(time, args =>
    {
        if (args.AttemptNumber == 0)
        {
            log.LogWarning(
                "{What} must wait for the database: {Problem}", args.Context.OperationKey, args.Outcome.Exception?.Message);
        }
        return ValueTask.CompletedTask;
    });

    /// <exception cref="PostgresException">The database is there and says no, also when asked again.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public async Task<T> RunAsync<T>(string what, Func<CancellationToken, Task<T>> action, CancellationToken cancel)
    {
        var context = ResilienceContextPool.Shared.Get(what, cancel);
        try
        {
            return await pipeline.ExecuteAsync(
                static async (context, action) => await action(context.CancellationToken), context, action);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }
}
