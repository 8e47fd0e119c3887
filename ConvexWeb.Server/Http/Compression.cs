using System.IO.Compression;
using Microsoft.AspNetCore.ResponseCompression;

namespace ConvexWeb.Server.Http;

/// <summary>
/// Brotli or gzip for what is made for a request, where the client takes it. Files were compressed by the build (MapStaticAssets), but for
/// those of packages under their versioned names, which the SDK leaves out: the largest, and they are compressed here, once a browser.
/// <para>
/// Also over https, and there a compressed answer must not hold a secret beside words that a stranger chose: its length would tell the
/// secret, letter by letter (BREACH). So only answers to GET are compressed, and of those only data of the API, its reference,
/// scripts and style sheets: nothing there is a secret. Pages are not, since their forms carry antiforgery tokens; a new token or link is
/// the answer to a POST; and the messages of a page's circuit and of the hub (/_blazor, /hubs) are under none of these paths.
/// </para>
/// </summary>
public static class Compression
{
    private static readonly string[] Types =
    [
        "application/json", "text/plain", "text/css", "text/csv", "text/javascript", "application/javascript", "image/svg+xml",
    ];

    private static readonly PathString[] Folders = ["/api", "/hangfire", "/_content", "/_framework"];

    // The levels after the fastest. Of a page of 100,000 points (3.0 MB) they leave 0.9 and 1.3 MB in 20 ms; the fastest leave 1.2 and
    // 2.0 MB in 15.
    private static readonly BrotliCompressionOptions Brotli = new() { Quality = 2 };
    private static readonly ZLibCompressionOptions Gzip = new() { CompressionLevel = 2 };

    public static IServiceCollection AddCompression(this IServiceCollection services) => services.AddResponseCompression(options =>
    {
        options.EnableForHttps = true;
        options.MimeTypes = Types;
        options.Providers.Add(new Provider("br", stream => new BrotliStream(stream, Brotli, leaveOpen: true)));
        options.Providers.Add(new Provider("gzip", stream => new GZipStream(stream, Gzip, leaveOpen: true)));
    });

    public static void UseCompression(this IApplicationBuilder app)
        => app.UseWhen(context => MayBeCompressed(context.Request), branch => branch.UseResponseCompression());

    private static bool MayBeCompressed(HttpRequest request)
        => HttpMethods.IsGet(request.Method) && Array.Exists(Folders, folder => request.Path.StartsWithSegments(folder));

    private sealed class Provider(string name, Func<Stream, Stream> create) : ICompressionProvider
    {
        public string EncodingName => name;
        public bool SupportsFlush => true;
        public Stream CreateStream(Stream outputStream) => create(outputStream);
    }
}
