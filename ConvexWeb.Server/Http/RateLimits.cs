using System.Security.Claims;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;

namespace ConvexWeb.Server.Http;

public static class RateLimits
{
    public const string SignIn = "sign-in";
    public const string Api = "api";
    public const string Submit = "submit";

    public static IServiceCollection AddRateLimits(this IServiceCollection services, Limits limits) => services.AddRateLimiter(options =>
    {
        options.AddPolicy(SignIn, context => PerMinute(Address(context), limits.SignInsPerMinute));
        options.AddPolicy(Api, context => PerMinute(Who(context), limits.RequestsPerMinute));
        options.AddPolicy(Submit, context => PerMinute(Who(context), limits.SubmissionsPerMinute));
        options.OnRejected = RejectAsync;
    });

    // Six segments: a window that slides by ten seconds, so that no minute's whole allowance can be spent twice around its edge.
    private static RateLimitPartition<string> PerMinute(string key, int permits) => RateLimitPartition.GetSlidingWindowLimiter(key, _ => new()
    {
        PermitLimit = permits,
        Window = TimeSpan.FromMinutes(1),
        SegmentsPerWindow = 6,
    });

    private static string Address(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "local";
    private static string Who(HttpContext context) => context.User.FindFirstValue(ClaimTypes.NameIdentifier) ?? Address(context);

    private static async ValueTask RejectAsync(OnRejectedContext rejected, CancellationToken cancel)
    {
        var context = rejected.HttpContext;
        context.Response.Headers.RetryAfter = "10";
        if (context.Request.Path.StartsWithSegments("/account"))
        {
            context.Response.Redirect(context.Request.Path.StartsWithSegments("/account/welcome") ? "/welcome?error=busy" : "/signin?error=busy");
            return;
        }
        await TypedResults.Problem("Too many requests in a short time; wait a few seconds.", statusCode: StatusCodes.Status429TooManyRequests).ExecuteAsync(context);
    }
}
