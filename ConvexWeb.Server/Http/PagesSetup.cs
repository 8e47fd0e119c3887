using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared.Feedback;
using Microsoft.AspNetCore.Components;
using MudBlazor;
using MudBlazor.Services;

namespace ConvexWeb.Server.Http;

/// <summary>The Blazor pages of the Client, and the files that they load.</summary>
public static class PagesSetup
{
    /// <summary>Where plain forms go.</summary>
    public const string FormsPath = "/account";

    public static IServiceCollection AddPages(this IServiceCollection services)
    {
        services.AddRazorComponents().AddInteractiveServerComponents();
        services.AddMudServices(options => options.SnackbarConfiguration.PositionClass = Defaults.Classes.Position.BottomRight);
        services.AddSingleton<IFailures, Failures>();
        services.AddScoped<Backend>();
        return services;
    }

    /// <summary>Whether a person opens a page, who is to read one whatever happens; a program gets status and problem details.</summary>
    public static bool IsPage(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && !request.Path.StartsWithSegments("/api/v1") && !request.Path.StartsWithSegments("/hubs")
        && !request.Path.StartsWithSegments("/_blazor") && TakesPages(request);

    /// <summary>Whether whoever asks can show a page: a browser, and no script in one.</summary>
    public static bool TakesPages(HttpRequest request) =>
        request.Headers.Accept.Any(accept => accept?.Contains("text/html", StringComparison.OrdinalIgnoreCase) == true);

    public static void MapPages<TRoot>(this IEndpointRouteBuilder routes) where TRoot : IComponent
    {
        // Styles, fonts and scripts are no secret, and the sign-in page needs them.
        routes.MapStaticAssets().Allow(Access.Anyone);

        // BrowserGuard sends the whole policy.
        routes.MapRazorComponents<TRoot>()
            .AddInteractiveServerRenderMode(options => options.ContentSecurityFrameAncestorsPolicy = null)
            .Allow(Access.Person);
    }
}
