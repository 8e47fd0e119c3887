using System.Security.Claims;
using System.Threading.RateLimiting;
using ConvexWeb.Server.Accounts;
using Microsoft.AspNetCore.Http.HttpResults;
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
    private static RateLimitPartition<string> PerMinute(string key, int permits)
        => RateLimitPartition.GetSlidingWindowLimiter(key, _ => new()
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
        if (context.Request.Path.StartsWithSegments(SignInForms.Path))
        {
            context.Response.Redirect(await BackAsync(context.Request, cancel));
            return;
        }
        var problem = TypedResults.Problem(
            "Too many requests in a short time; wait a few seconds.", statusCode: StatusCodes.Status429TooManyRequests);
        await problem.ExecuteAsync(context);
    }

    // Back to the form with what it needs to be sent again: a link that works once must not be lost to a crowd.
    private static async Task<string> BackAsync(HttpRequest request, CancellationToken cancel)
    {
        IFormCollection form = FormCollection.Empty;
        try
        {
            if (request.HasFormContentType) form = await request.ReadFormAsync(cancel);
        }
        catch (Exception problem) when (problem is InvalidDataException or InvalidOperationException or IOException)
        {
            // No form of ours; the page stands without what it would have said.
        }
        var busy = QueryString.Create("error", "busy");
        if (request.Path.StartsWithSegments(SignInForms.Path + "/welcome"))
            return "/welcome" + (form["token"].ToString() is { Length: > 0 } token ? busy.Add("token", token) : busy);
        if (request.Path.StartsWithSegments(SignInForms.Path + "/password")) return "/account?password=busy";
        return "/signin" + (form["returnUrl"].ToString() is { Length: > 0 } back && RedirectHttpResult.IsLocalUrl(back)
            ? busy.Add("returnUrl", back)
            : busy);
    }
}
