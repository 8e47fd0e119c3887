using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;
using Microsoft.Extensions.Caching.Memory;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// Notes in the audit trail that somebody who is known was refused something. Of one caller and one endpoint that is noted once in ten
/// minutes: a script that goes on asking must not fill the trail.
/// </summary>
public sealed class RefusalNotes(AuditTrail trail) : IDisposable
{
    private static readonly TimeSpan Once = TimeSpan.FromMinutes(10);

    private const int MostStrangers = 30; // in a minute

    private long strangersMinute;
    private int strangers;
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

    /// <summary>
    /// A token that is none, or none any more, was sent. Strangers have any number of networks, and the trail is written by one at a time:
    /// more than some in a minute are not noted.
    /// </summary>
    public async Task NoteTokenAsync(HttpContext context)
    {
        var minute = Environment.TickCount64 / 60_000;
        if (Interlocked.Exchange(ref strangersMinute, minute) != minute) Interlocked.Exchange(ref strangers, 0);
        var key = ("token", Network.Of(context));
        if (noted.TryGetValue(key, out _) || Interlocked.Increment(ref strangers) > MostStrangers) return;
        Remember(key);
        await trail.WriteAsync(
            AuditActor.Stranger(Network.Address(context)), new(AuditAction.TokenRefused), CancellationToken.None);
    }

    private Task NoteAsync(HttpContext context, Caller caller)
    {
        var what = $"{context.Request.Method} {(context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? context.Request.Path}";
        return NoteAsync(caller.Actor, new(AuditAction.Refused, what));
    }

    private async Task NoteAsync(AuditActor by, AuditNote note)
    {
        if (noted.TryGetValue((by, note), out _)) return;
        Remember((by, note));
        await trail.WriteAsync(by, note, CancellationToken.None);
    }

    private void Remember(object key)
        => noted.Set(key, true, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Once });

    public void Dispose() => noted.Dispose();
}
