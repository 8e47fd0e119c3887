using System.Globalization;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;
using Hangfire;
using Hangfire.Dashboard;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Hangfire's dashboard behind our session: administrators may act on tickets, others only look. A ticket that is deleted or queued again
/// there harms nothing: items are in rows, and the office makes what tickets are missing.
/// </summary>
public static class JobsDashboard
{
    public const string Path = "/hangfire";

    public static IServiceCollection AddJobsDashboard(this IServiceCollection services)
        => services.AddHangfire(configuration => configuration.UseNoOpLogProvider());

    public static void MapJobsDashboard(this IEndpointRouteBuilder routes)
    {
        // There Hangfire reads the form that its pages post; without one it would end in an exception.
        routes.MapMethods($"{Path}/stats", [HttpMethods.Get, HttpMethods.Head], OnlyPost).Allow(Access.Person).ExcludeFromDescription();
        routes.MapHangfireDashboard(Path, new DashboardOptions
        {
            AppPath = "/",
            DashboardTitle = "ConvexWeb: tickets",
            DisplayStorageConnectionString = false,
            StatsPollingInterval = 5000,

            // Hangfire's own rule is that only this machine may look.
            AsyncAuthorization = [new SignedIn()],
            IsReadOnlyFunc = context => !context.GetHttpContext().User.IsInRole(Roles.Admin),
        }).Allow(Access.Person);
    }

    private static ProblemHttpResult OnlyPost(HttpContext context)
    {
        const int status = StatusCodes.Status405MethodNotAllowed;
        context.Response.Headers.Allow = HttpMethods.Post;
        return TypedResults.Problem(Problems.Usual(context, status), statusCode: status);
    }

    private sealed class SignedIn : IDashboardAsyncAuthorizationFilter
    {
        public async Task<bool> AuthorizeAsync(DashboardContext context)
        {
            var http = context.GetHttpContext();
            if (http.User.Identity?.IsAuthenticated != true) return false;
            await CheckAsync(http.Request);
            if (HttpMethods.IsPost(http.Request.Method) && http.User.IsInRole(Roles.Admin) && !IsStatistics(http.Request))
                await NoteAsync(http);
            return true;
        }

        // Hangfire takes the number of a job for granted and ends in an exception otherwise; and it answers any method with the page.
        private static async Task CheckAsync(HttpRequest request)
        {
            if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method) && !HttpMethods.IsPost(request.Method))
            {
                throw new BadHttpRequestException(
                    $"{request.Method} is not possible here; GET, HEAD and POST are.", StatusCodes.Status405MethodNotAllowed);
            }
            var path = request.Path.Value!;
            // Hangfire reads a form then, and ends in an exception where there is none.
            if (HttpMethods.IsPost(request.Method) && !request.HasFormContentType
                && !path.StartsWith("/jobs/actions/", StringComparison.OrdinalIgnoreCase))
                throw new BadHttpRequestException("Send a form here: Content-Type: application/x-www-form-urlencoded.");
            string?[] jobs = OneJob.FirstOrDefault(start => path.StartsWith(start, StringComparison.OrdinalIgnoreCase)) is { } start
                ? [path[start.Length..]]
                : path.StartsWith("/jobs/", StringComparison.OrdinalIgnoreCase) && HttpMethods.IsPost(request.Method)
                    && request.HasFormContentType ? [.. (await FormAsync(request.HttpContext))["jobs[]"]] : [];
            if (Array.Find(jobs, job => !long.TryParse(job, NumberStyles.None, CultureInfo.InvariantCulture, out _)) is { } wrong)
                throw new BadHttpRequestException($"'{Text.Short(wrong)}' is not the number of a job.", StatusCodes.Status404NotFound);
        }

        private static readonly string[] OneJob = ["/jobs/details/", "/jobs/actions/requeue/", "/jobs/actions/delete/"];

        private static bool IsStatistics(HttpRequest request)
            => request.Path.Value!.EndsWith("/stats", StringComparison.Ordinal);

        // What is asked, before it is done: Hangfire does it with many statements of its own.
        private static async Task NoteAsync(HttpContext http)
        {
            var jobs = http.Request.HasFormContentType ? (await FormAsync(http))["jobs[]"].ToString() : "";
            await http.RequestServices.GetRequiredService<AuditTrail>().WriteAsync(
                http.RequestServices.GetRequiredService<Caller>().Actor,
                new(AuditAction.JobsAsked, http.Request.PathBase + http.Request.Path, jobs), http.RequestAborted);
        }

        private static async Task<IFormCollection> FormAsync(HttpContext http)
        {
            try
            {
                return await http.Request.ReadFormAsync(http.RequestAborted);
            }
            catch (InvalidDataException problem)
            {
                throw new BadHttpRequestException($"The form cannot be read: {problem.Message}", problem);
            }
        }
    }
}
