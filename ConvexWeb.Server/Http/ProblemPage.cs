using System.Text.Encodings.Web;

namespace ConvexWeb.Server.Http;

/// <summary>
/// What a person reads when no page can be drawn. It needs nothing that may be away: no database, no script, no style, no session.
/// </summary>
internal static class ProblemPage
{
    public static async Task<bool> WriteAsync(HttpResponse response, string sentence, CancellationToken cancel)
    {
        response.ContentType = "text/html; charset=utf-8";
        response.Headers.CacheControl = "no-store";
        await response.WriteAsync(
            $"""
            <!doctype html>
            <html lang="en">
            <head>
              <meta charset="utf-8">
              <meta name="viewport" content="width=device-width, initial-scale=1">
              <meta name="color-scheme" content="light dark">
              <title>ConvexWeb cannot show this now</title>
            </head>
            <body>
              <main>
                <h1>This page cannot be shown now</h1>
                <p>{HtmlEncoder.Default.Encode(sentence)}</p>
                <p>Trainings go on, and keep their points. <a href="">Try again</a></p>
              </main>
            </body>
            </html>
            """, cancel);
        return true;
    }
}
