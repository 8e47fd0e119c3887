using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.Extensions;

namespace ConvexWeb.Server.Http;

/// <summary>What browsers are told, and what is refused from them, because a page of somebody else may be open in the next tab.</summary>
public static class BrowserGuard
{
    /// <summary>Where App.razor finds the nonce for its inline scripts (import map): <c>HttpContext.Items</c>.</summary>
    public const string NonceItem = "csp-nonce";

    private const long BetweenTold = 60_000; // ms
    private static long lastTold = -BetweenTold;

    public static void UseBrowserGuard(this IApplicationBuilder app)
    {
        app.Use((context, next) => IsForeign(context.Request) ? RefuseAsync(context) : next(context));
    }

    /// <summary>
    /// The headers of every answer: before anything that answers by itself, such as the framework's own look at the host.
    /// </summary>
    /// <param name="isHttps">Whether people come by https.</param>
    public static void AddBrowserHeaders(this IServiceCollection services, bool isHttps)
        => services.Insert(0, ServiceDescriptor.Singleton<IStartupFilter>(new Headers(isHttps)));

    private sealed class Headers(bool isHttps) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((context, rest) =>
            {
                context.Items[NonceItem] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
                SetHeaders(context, isHttps);
                // The exception handler clears the response first.
                context.Response.OnStarting(() =>
                {
                    SetHeaders(context, isHttps);
                    return Task.CompletedTask;
                });
                return rest(context);
            });
            next(app);
        };
    }

    private static void SetHeaders(HttpContext context, bool isHttps)
    {
        var nonce = context.Items[NonceItem];
        var headers = context.Response.Headers;

        // MudBlazor and uPlot place things with style attributes; scripts, the dangerous part, are only ours.
        headers.ContentSecurityPolicy =
            $"default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; " +
            "img-src 'self' data: blob:; font-src 'self' data:; " +
            "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
        // For a year. Names below the host's are not ours to speak for.
        if (isHttps && context.Request.IsHttps) headers.StrictTransportSecurity = "max-age=31536000";
        if (context.Request.Path.StartsWithSegments("/api")) headers.CacheControl = "no-store";
    }

    /// <summary>
    /// A request that changes something or opens a lasting connection, sent by a page of another origin. Cookies ride along even from
    /// another port of the same host, and a WebSocket knows no CORS. A program sends none of these headers and brings its token instead.
    /// </summary>
    private static bool IsForeign(HttpRequest request)
    {
        var lasting = request.Path.StartsWithSegments("/hubs") || request.Path.StartsWithSegments("/_blazor")
            || request.Headers.ContainsKey("Upgrade") || HttpMethods.IsConnect(request.Method);
        var reads = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method);
        if (reads && !lasting) return false;
        if (request.Headers.TryGetValue("Sec-Fetch-Site", out var site) && site.ToString() is "cross-site" or "same-site") return true;
        var own = UriHelper.BuildAbsolute(request.Scheme, request.Host).TrimEnd('/');
        return request.Headers.TryGetValue("Origin", out var origin) && !string.Equals(origin, own, StringComparison.OrdinalIgnoreCase);
    }

    private static Task RefuseAsync(HttpContext context)
    {
        // Anybody can send them, so most are not told of.
        var now = Environment.TickCount64;
        var told = Interlocked.Read(ref lastTold);
        if (now - told > BetweenTold && Interlocked.CompareExchange(ref lastTold, now, told) == told)
        {
            context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(BrowserGuard)).LogWarning(
                "A request from {Address} was refused, because it comes from a page of another origin; such are told of once in a minute",
                Network.Address(context));
        }
        return TypedResults.Problem("The request comes from a page of another origin.", statusCode: StatusCodes.Status403Forbidden)
            .ExecuteAsync(context);
    }
}
