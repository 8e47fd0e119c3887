using System.Security.Claims;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;

namespace ConvexWeb.Server.Http;

public static class RateLimits
{
    public const string Api = "api";
    public const string Submit = "submit";

    /// <summary>What the header Retry-After of a 429 says.</summary>
    public const string RetryAfterSeconds = "10";

    public static IServiceCollection AddRateLimits(this IServiceCollection services, Limits limits) => services.AddRateLimiter(options =>
    {
        options.AddPolicy(Api, context => PerMinute(Who(context), limits.RequestsPerMinute));
        options.AddPolicy(Submit, context => PerMinute(Who(context), limits.SubmissionsPerMinute));
        options.OnRejected = RejectAsync;
    });

    // Six segments: a window that slides by ten seconds, so that no minute's whole allowance can be spent twice around its edge.
    private static RateLimitPartition<string> PerMinute(string key, int permits)
        => RateLimitPartition.GetSlidingWindowLimiter(key, _ => new()
        {
            PermitLimit = permits,
            Window = TimeSpan.FromMinutes(1),
            SegmentsPerWindow = 6,
        });

    private static string Who(HttpContext context) => context.User.FindFirstValue(ClaimTypes.NameIdentifier) ?? Network.Of(context);

    private static async ValueTask RejectAsync(OnRejectedContext rejected, CancellationToken cancel)
    {
        rejected.HttpContext.Response.Headers.RetryAfter = RetryAfterSeconds;
        var problem = TypedResults.Problem(
            "Too many requests in a short time; wait a few seconds.", statusCode: StatusCodes.Status429TooManyRequests);
        await problem.ExecuteAsync(rejected.HttpContext);
    }
}
