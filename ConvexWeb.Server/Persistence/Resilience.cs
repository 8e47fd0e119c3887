using Polly;
using Polly.Retry;

namespace ConvexWeb.Server.Persistence;

/// <summary>The two ways in which something is tried again, and all their figures.</summary>
internal static class Resilience
{
    /// <summary>Also the longest time that something which the database holds up goes on waiting after it is back.</summary>
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);
    private const int MostRefusals = 3;

    /// <summary>
    /// One statement or transaction against a database that may be away: tried until it is done. A refusal is asked about again because of
    /// the duplicate of a commit whose answer was lost; how often is counted over the whole call, whatever outages lie in between.
    /// </summary>
    public static ResiliencePipeline Outage(TimeProvider time, Func<OnRetryArguments<object>, ValueTask> tell)
        => new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(Backoff(Persistence.Outage.IsRefusal, MostRefusals - 1, tell))
            .AddRetry(Backoff(Persistence.Outage.Is, int.MaxValue, tell))
            .Build();

    /// <summary>Work in the background that goes on for as long as the server does: begun again a second after any failure.</summary>
    public static ResiliencePipeline Service(TimeProvider time, Action<Exception> tell)
        => new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = args => ValueTask.FromResult(
                    args.Outcome.Exception is not null && !args.Context.CancellationToken.IsCancellationRequested),
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Constant,
                Delay = LongestDelay,
                OnRetry = args =>
                {
                    tell(args.Outcome.Exception!);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();

    // With jitter, so that the nodes of a cluster do not ask a database that has just come back all at the same moments.
    private static RetryStrategyOptions Backoff(Func<Exception, bool> isHandled, int most, Func<OnRetryArguments<object>, ValueTask> tell)
        => new()
        {
            ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is { } problem && isHandled(problem)),
            MaxRetryAttempts = most,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = FirstDelay,
            MaxDelay = LongestDelay,
            OnRetry = tell,
        };
}
