using Microsoft.AspNetCore.Components;
using Radzen;

namespace ConvexWeb.Server.Http;

/// <summary>The Blazor pages of the Client, and the files that they load.</summary>
public static class PagesSetup
{
    public static IServiceCollection AddPages(this IServiceCollection services)
    {
        services.AddRazorComponents().AddInteractiveServerComponents();
        services.AddRadzenComponents();
        return services;
    }

    public static void MapPages<TRoot>(this IEndpointRouteBuilder routes) where TRoot : IComponent
    {
        // Styles, fonts and scripts are no secret, and the sign-in page needs them.
        routes.MapStaticAssets().AllowAnonymous();
        routes.MapRazorComponents<TRoot>().AddInteractiveServerRenderMode(options => options.ContentSecurityFrameAncestorsPolicy = null); // BrowserGuard sends the whole policy
    }
}
