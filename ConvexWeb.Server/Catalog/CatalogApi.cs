using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ConvexWeb.Server.Catalog;

public static class CatalogApi
{
    public static IServiceCollection AddCatalog(this IServiceCollection services) => services.AddSingleton<ICatalog, SpecCatalog>();

    public static void MapCatalog(this IEndpointRouteBuilder api)
    {
        var catalog = api.MapGroup("").WithTags("Catalog");
        catalog.MapGet("/catalog", Get)
            .Allow(Access.Read).WithSummary("What a spec may say: sections, entries, parameters with ranges and defaults, presets");
        catalog.MapPost("/specs/check", Check)
            .Allow(Access.Read).WithSummary("All problems of a spec, or what it costs").WithMetadata(new SpecBody());
    }

    private static Ok<CatalogView> Get(ICatalog catalog) => TypedResults.Ok(catalog.Get());

    private static async Task<Results<Ok<SpecCheck>, ValidationProblem>> Check(
        HttpRequest request, ICatalog catalog, CancellationToken cancel)
    {
        var (spec, problem) = await JsonBody.ReadAsync(request, cancel);
        return problem is null ? TypedResults.Ok(catalog.Check(spec)) : Problems.Invalid([problem]);
    }
}
