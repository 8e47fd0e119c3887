using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Catalog;
using ConvexWeb.Server.Certificates;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Runs;
using ConvexWeb.Server.Scheduling;
using ConvexWeb.Server.Theory;
using ConvexWeb.Server.Workers;

namespace ConvexWeb.Server;

public static class Api
{
    /// <summary>/api/v1: everything that pages can do, for whoever is signed in or brings a token; and its description.</summary>
    public static void MapApi(this IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup("/api/v1").RequireRateLimiting(RateLimits.Api)
            .ProducesProblem(StatusCodes.Status401Unauthorized).ProducesProblem(StatusCodes.Status429TooManyRequests);
        api.MapCatalog();
        api.MapTheory();
        api.MapRuns();
        api.MapCertificates();
        api.MapAccounts();
        api.MapAudit();
        api.MapWorkers();
        api.MapQueue();
        routes.MapApiReference();
    }
}
