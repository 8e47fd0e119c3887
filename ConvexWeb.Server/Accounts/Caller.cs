using System.Security.Claims;
using ConvexWeb.Client.Contracts;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server.Circuits;

namespace ConvexWeb.Server.Accounts;

/// <summary>Who asks, in a request as well as in a Blazor circuit, where there is no HttpContext to ask.</summary>
public sealed class Caller
{
    private static readonly ClaimsPrincipal Nobody = new(new ClaimsIdentity());

    public ClaimsPrincipal User { get; private set; } = Nobody;

    /// <summary>The address that the caller uses, ending in a slash; links handed to him begin with it.</summary>
    public string BaseUri { get; private set; } = "/";

    public bool IsSignedIn => User.Identity?.IsAuthenticated == true;
    public bool IsAdmin => User.IsInRole(Roles.Admin);
    public string Name => Required(ClaimTypes.Name);
    public Guid Id => Guid.Parse(Required(ClaimTypes.NameIdentifier));

    public void Use(ClaimsPrincipal user, string? baseUri = null)
    {
        User = user;
        BaseUri = baseUri ?? BaseUri;
    }

    /// <summary>
    /// Throws for a caller without a session. Endpoints have refused him before; a circuit may outlast its session by moments.
    /// </summary>
    public void RequireSignedIn()
    {
        if (!IsSignedIn) throw new AccessDeniedException("Sign in first.");
    }

    public void RequireAdmin()
    {
        RequireSignedIn();
        if (!IsAdmin) throw new AccessDeniedException("Only administrators may do this.");
    }

    /// <summary>
    /// Throws for a caller with an API token. A stolen token must not be able to make itself a successor that nobody knows of.
    /// </summary>
    public void RequirePerson(string what)
    {
        RequireSignedIn();
        if (User.HasClaim(claim => claim.Type == TokenHandler.Claim))
            throw new AccessDeniedException($"A token cannot {what}; sign in with the password.");
    }

    private string Required(string claim)
    {
        RequireSignedIn();
        return User.FindFirstValue(claim) ?? throw new AccessDeniedException("Sign in first.");
    }
}

public static class Roles
{
    public const string Admin = "admin";
}

/// <summary>Gives a circuit's services their caller, and takes him away when the session behind the circuit is over.</summary>
public sealed class CallerCircuitHandler(Caller caller, AuthenticationStateProvider states, NavigationManager navigation)
    : CircuitHandler, IDisposable
{
    public override async Task OnCircuitOpenedAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        states.AuthenticationStateChanged += Changed;
        caller.Use((await states.GetAuthenticationStateAsync()).User, navigation.BaseUri);
    }

    public void Dispose() => states.AuthenticationStateChanged -= Changed;

    private async void Changed(Task<AuthenticationState> state) => caller.Use((await state).User);
}
