using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using Microsoft.Extensions.Caching.Memory;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// Notes in the audit trail that somebody who is known was refused something. Of one caller and one endpoint that is noted once in ten
/// minutes: a script that goes on asking must not fill the trail.
/// </summary>
public sealed class RefusalNotes(AuditTrail trail) : IDisposable
{
    private static readonly TimeSpan Once = TimeSpan.FromMinutes(10);

    private readonly MemoryCache noted = new(new MemoryCacheOptions { SizeLimit = 10_000 });

    public async Task WatchAsync(HttpContext context, Caller caller, RequestDelegate next)
    {
        var denied = false;
        try
        {
            await next(context);
            denied = context.Response.StatusCode == StatusCodes.Status403Forbidden;
        }
        catch (AccessDeniedException)
        {
            denied = true;
            throw;
        }
        finally
        {
            if (denied && caller.IsSignedIn) await NoteAsync(context, caller);
        }
    }

    /// <summary>A token that is none, or none any more, was sent from there.</summary>
    public Task NoteTokenAsync(string network) => NoteAsync(AuditActor.Stranger(network), new(AuditAction.TokenRefused));

    private Task NoteAsync(HttpContext context, Caller caller)
    {
        var what = $"{context.Request.Method} {(context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? context.Request.Path}";
        return NoteAsync(caller.Actor, new(AuditAction.Refused, what));
    }

    private async Task NoteAsync(AuditActor by, AuditNote note)
    {
        if (noted.TryGetValue((by, note), out _)) return;
        noted.Set((by, note), true, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Once });
        await trail.WriteAsync(by, note, CancellationToken.None);
    }

    public void Dispose() => noted.Dispose();
}
