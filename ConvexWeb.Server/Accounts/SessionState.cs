using ConvexWeb.Server.Persistence;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;

namespace ConvexWeb.Server.Accounts;

/// <summary>A circuit asks again and again whether the session that opened it still lives, and loses its user when it does not.</summary>
public sealed class SessionState(SessionStore sessions, ILoggerFactory logs) : RevalidatingServerAuthenticationStateProvider(logs)
{
    private readonly ILogger log = logs.CreateLogger<SessionState>();

    protected override TimeSpan RevalidationInterval => TimeSpan.FromSeconds(10);

    protected override async Task<bool> ValidateAuthenticationStateAsync(
        AuthenticationState authenticationState, CancellationToken cancellationToken)
    {
        try
        {
            return await sessions.IsAliveAsync(authenticationState.User, cancellationToken);
        }
        catch (Exception problem) when (Outage.Is(problem))
        {
            // A database that is away for a moment signs nobody out; nothing can be read or written without it anyway.
            log.LogWarning("A session could not be checked: {Problem}", problem.Message);
            return true;
        }
        catch (ObjectDisposedException)
        {
            return true; // the server stops, and every circuit with it
        }
    }
}
