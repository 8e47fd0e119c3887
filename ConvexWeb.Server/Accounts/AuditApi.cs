using System.Text;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ConvexWeb.Server.Accounts;

public static class AuditApi
{
    public static void MapAudit(this IEndpointRouteBuilder api)
    {
        var audit = api.MapGroup("/audit").WithTags("Audit");
        audit.MapGet("", List).Allow(Access.Administrator)
            .WithSummary("Who did what, when and from where, the newest first; pass the last `seq` as `before` (administrators)");
        audit.MapGet("/export", Export).Allow(Access.Administrator).Produces<string>(contentType: "text/csv")
            .WithSummary("All that the filter finds, as CSV (administrators)");
        audit.MapGet("/check", Check).Allow(Access.Administrator)
            .WithSummary("Reads the whole trail and says whether an entry was changed or taken out (administrators)");
    }

    private static async Task<Results<Ok<IReadOnlyList<AuditEntryView>>, ValidationProblem>> List(
        IAudit audit, CancellationToken cancel, AuditAction? action = null, string? actor = null, string? about = null,
        DateTimeOffset? since = null, DateTimeOffset? until = null, long? before = null, int limit = 100)
        => TypedResults.Ok(await audit.ListAsync(new(action, actor, about, since, until, before, limit), cancel));

    private static async Task<Ok<AuditCheckView>> Check(IAudit audit, CancellationToken cancel)
        => TypedResults.Ok(await audit.CheckAsync(cancel));

    // Page by page, so that a long trail takes no more memory than a short one.
    private static async Task Export(
        HttpResponse response, IAudit audit, CancellationToken cancel, AuditAction? action = null, string? actor = null,
        string? about = null, DateTimeOffset? since = null, DateTimeOffset? until = null)
    {
        var query = new AuditQuery(action, actor, about, since, until, Limit: AuditQuery.MostEntries);
        var page = await audit.ListAsync(query, cancel);
        response.ContentType = "text/csv; charset=utf-8";
        response.Headers.ContentDisposition = "attachment; filename=audit.csv";
        await response.WriteAsync("seq,at,actor,door,network,action,subject,detail,hash\n", cancel);
        while (page.Count > 0)
        {
            var lines = new StringBuilder();
            foreach (var entry in page)
            {
                lines.AppendJoin(
                    ',', entry.Seq, entry.At.UtcDateTime.ToString("O"), Cell(entry.Actor), Cell(entry.Door), Cell(entry.Network),
                    entry.Action, Cell(entry.Subject), Cell(entry.Detail), entry.Hash).Append('\n');
            }
            await response.WriteAsync(lines.ToString(), cancel);
            page = await audit.ListAsync(query with { Before = page[^1].Seq }, cancel);
        }
    }

    // Quoted, and with a quote mark before what a spreadsheet would take for a formula.
    private static string Cell(string text)
    {
        if (text.Length > 0 && text[0] is '=' or '+' or '-' or '@') text = "'" + text;
        return $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
