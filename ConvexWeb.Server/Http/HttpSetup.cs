using System.Net;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ConvexWeb.Server.Http;

public static class HttpSetup
{
    /// <summary>Far more than the largest submission; in bytes.</summary>
    public const long LargestBody = 1 << 20;

    public static WebApplicationBuilder AddHttp(this WebApplicationBuilder builder, Settings settings)
    {
        builder.WebHost.UseUrls(settings.ListenUrl.Split(';'));
        var services = builder.Services;
        services.Configure<KestrelServerOptions>(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxRequestBodySize = LargestBody;
        });
        services.ConfigureHttpJsonOptions(options => ApiJson.Configure(options.SerializerOptions));
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.AddProblemDetails(options => options.CustomizeProblemDetails = context =>
            context.ProblemDetails.Detail ??= Problems.Usual(context.HttpContext, context.ProblemDetails.Status));
        services.AddExceptionHandler<ProblemHandler>();
        services.AddScoped<Once>();
        services.AddRateLimits(settings.Limits);
        services.AddAntiforgery(options =>
        {
            options.Cookie.SecurePolicy = settings.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
            options.Cookie.SameSite = SameSiteMode.Strict;
        });
        services.Configure<ForwardedHeadersOptions>(options => TrustOnly(options, settings.TrustedProxies));
        services.PostConfigure<HostFilteringOptions>(options => Allow(options, settings.PublicHost));
        services.AddBrowserHeaders(settings.IsHttps);
        services.AddCompression();
        services.AddHealthChecks();
        return builder;
    }

    /// <summary>In this order: who is it really, what may go wrong, what must every answer carry, how is it sent.</summary>
    public static void UseHttp(this WebApplication app, Settings settings)
    {
        if (settings.TrustedProxies.Count > 0) app.UseForwardedHeaders();
        app.UseExceptionHandler();
        // A problem, also for who asks for a page where there is none.
        app.UseStatusCodePages(context => AnswerAsync(context.HttpContext, context.HttpContext.Response.StatusCode));
        app.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true);
        app.Use(OnlyPagesHavePages);
        app.Use(OnlyPossibleHosts);
        if (settings.IsHttps)
        {
            app.Use((context, next) => OnlyByTls(context, settings, next));
        }
        app.UseBrowserGuard();
        app.UseCompression();
    }

    // A program that finds nothing is answered by the first of the two.
    private static Task OnlyPagesHavePages(HttpContext context, RequestDelegate next)
    {
        if (!PagesSetup.IsPage(context.Request) && context.Features.Get<IStatusCodePagesFeature>() is { } pages) pages.Enabled = false;
        return next(context);
    }

    // The framework's look at the host knows nothing of ports; pages are made with an address in mind.
    private static Task OnlyPossibleHosts(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        return Uri.TryCreate($"{request.Scheme}://{request.Host}/", UriKind.Absolute, out _) || request.Path.StartsWithSegments("/health")
            ? next(context)
            : TypedResults.Problem("The Host of the request is no address.", statusCode: StatusCodes.Status400BadRequest)
                .ExecuteAsync(context);
    }

    /// <summary>To who may come: SignalR itself refuses another method with no sentence.</summary>
    internal static Task OnlyPostNegotiates(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (HttpMethods.IsPost(request.Method)
            || request.Path.Value?.TrimEnd('/').ToLowerInvariant() is not ("/hubs/live/negotiate" or "/_blazor/negotiate"))
            return next(context);
        context.Response.Headers.Allow = HttpMethods.Post;
        return AnswerAsync(context, StatusCodes.Status405MethodNotAllowed);
    }

    private static Task AnswerAsync(HttpContext context, int status)
        => TypedResults.Problem(Problems.Usual(context, status), statusCode: status).ExecuteAsync(context);

    // A cookie that is for TLS alone cannot be given to who comes without it. People are led to the right address, the one of the settings.
    private static Task OnlyByTls(HttpContext context, Settings settings, RequestDelegate next)
    {
        var request = context.Request;
        if (request.IsHttps || request.Path.StartsWithSegments("/health")) return next(context);
        if (PagesSetup.IsPage(request) && settings.PublicUrl is { } address)
        {
            context.Response.Redirect(address.TrimEnd('/') + request.Path + request.QueryString);
            return Task.CompletedTask;
        }
        return TypedResults.Problem("This server is for https only.", statusCode: StatusCodes.Status400BadRequest).ExecuteAsync(context);
    }

    // Whoever gives the address that people use need not say its name a second time. No names at all, or *, allow every host.
    private static void Allow(HostFilteringOptions options, string? host)
    {
        if (host is not null && options.AllowedHosts.Count > 0) options.AllowedHosts = [.. options.AllowedHosts, host];
    }

    private static void TrustOnly(ForwardedHeadersOptions options, IEnumerable<string> proxies)
    {
        options.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost;
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var proxy in proxies)
        {
            if (IPAddress.TryParse(proxy, out var address)) options.KnownProxies.Add(address);
            else options.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(proxy));
        }
    }
}
