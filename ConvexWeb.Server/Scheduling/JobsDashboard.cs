using ConvexWeb.Server.Accounts;
using Hangfire;
using Hangfire.Dashboard;

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

    public static void MapJobsDashboard(this IEndpointRouteBuilder routes) => routes.MapHangfireDashboard(Path, new DashboardOptions
    {
        AppPath = "/",
        DashboardTitle = "ConvexWeb: tickets",
        DisplayStorageConnectionString = false,
        StatsPollingInterval = 5000,

        // Hangfire's own rule is that only this machine may look.
        AsyncAuthorization = [new SignedIn()],
        IsReadOnlyFunc = context => !context.GetHttpContext().User.IsInRole(Roles.Admin),
    }).RequireAuthorization();

    private sealed class SignedIn : IDashboardAsyncAuthorizationFilter
    {
        public Task<bool> AuthorizeAsync(DashboardContext context)
            => Task.FromResult(context.GetHttpContext().User.Identity?.IsAuthenticated == true);
    }
}
