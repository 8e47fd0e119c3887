using System.Security.Claims;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;

namespace ConvexWeb.Server.Accounts;

/// <summary>Who asks, in a request as well as in a Blazor circuit, where there is no HttpContext to ask.</summary>
public sealed class Caller
{
    private static readonly ClaimsPrincipal Nobody = new(new ClaimsIdentity());

    public ClaimsPrincipal User { get; private set; } = Nobody;

    public bool IsSignedIn => User.Identity?.IsAuthenticated == true;
    public bool IsAdmin => User.IsInRole(Roles.Admin);
    public string Name => Required(ClaimTypes.Name);
    public Guid Id => Guid.Parse(Required(ClaimTypes.NameIdentifier));

    /// <summary>The session by which the caller came; null for a token.</summary>
    public Guid? Session => Identities.SessionOf(User);

    /// <summary>The caller, for the audit trail.</summary>
    public AuditActor Actor => new(Name, Identities.DoorIn(User), Identities.AddressOf(User));

    public void Use(ClaimsPrincipal user) => User = user;

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
        if (Identities.IsToken(User))
            throw new AccessDeniedException($"A token cannot {what}; sign in with the password.");
    }

    /// <summary>
    /// What the caller is about to do. Whether he still may is asked again in its transaction (<see cref="Sessions.RequireAsync"/>).
    /// </summary>
    /// <param name="what">In words, for a token, which may not.</param>
    public Act Act(string what, bool asAdmin = false, bool wantsProof = true)
    {
        if (asAdmin) RequireAdmin();
        RequirePerson(what);
        return new(Id, Session ?? throw new AccessDeniedException("Sign in first."), asAdmin, wantsProof, Actor);
    }

    private string Required(string claim)
    {
        RequireSignedIn();
        return User.FindFirstValue(claim) ?? throw new AccessDeniedException("Sign in first.");
    }
}
