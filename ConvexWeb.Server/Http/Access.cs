using ConvexWeb.Client.Contracts;
using Microsoft.AspNetCore.Authorization;

namespace ConvexWeb.Server.Http;

/// <summary>Who may use an endpoint. Each states one; what the services behind it refuse besides is about single rows.</summary>
public enum Access
{
    Anyone,

    /// <summary>Signed-in people, and every token.</summary>
    Read,

    /// <summary>Signed-in people, and tokens that may submit.</summary>
    Submit,

    /// <summary>Signed-in people, and tokens that may manage.</summary>
    Manage,

    /// <summary>People who are signed in by the password, and no token.</summary>
    Person,

    /// <summary>Administrators, and their tokens that may manage.</summary>
    Administrator,

    /// <summary>Administrators who are signed in by the password, and none of their tokens.</summary>
    AdministratorPerson,
}

/// <summary>The rule of an endpoint, as metadata.</summary>
public sealed record AccessRule(Access Access);

public static class AccessRules
{
    public static TBuilder Allow<TBuilder>(this TBuilder endpoint, Access access) where TBuilder : IEndpointConventionBuilder
    {
        endpoint.WithMetadata(new AccessRule(access));
        return access == Access.Anyone ? endpoint.AllowAnonymous() : endpoint.RequireAuthorization(access.ToString());
    }

    /// <summary>A policy for each rule, under its name. Without a rule an endpoint is for people who are signed in.</summary>
    public static void AddAccessRules(this IServiceCollection services)
    {
        var policies = services.AddAuthorizationBuilder();
        foreach (var access in Enum.GetValues<Access>().Except([Access.Anyone]))
        {
            policies.AddPolicy(
                access.ToString(), policy => policy.RequireAuthenticatedUser().RequireAssertion(context => Holds(access, context)));
        }
        // An address without an endpoint is a 404 for every known caller.
        policies.SetDefaultPolicy(Policy(Access.Person)).SetFallbackPolicy(Policy(Access.Read));
    }

    /// <summary>Why somebody who is known may not use an endpoint, in a sentence.</summary>
    public static string Refusal(HttpContext context)
    {
        var access = context.GetEndpoint()?.Metadata.GetMetadata<AccessRule>()?.Access;
        if (context.User.IsInRole(Roles.Admin) && !Identities.IsToken(context.User))
            return "The page that this was sent from is too old, or is no page of this server: load it again.";
        if (!Identities.IsToken(context.User)) return "Your account may not do that; an administrator may.";
        if (access is null or Access.Person or Access.AdministratorPerson)
            return "A token may not do that, whatever its scope: sign in with the password.";
        return access == Access.Administrator && !context.User.IsInRole(Roles.Admin)
            ? "Your account may not do that; an administrator may."
            : $"This token's scope is {Identities.ScopeOf(context.User)}; "
                + $"this takes one of scope {(access == Access.Submit ? TokenScope.Submit : TokenScope.Manage)}.";
    }

    private static AuthorizationPolicy Policy(Access access)
        => new AuthorizationPolicyBuilder().RequireAuthenticatedUser().RequireAssertion(context => Holds(access, context)).Build();

    private static bool Holds(Access access, AuthorizationHandlerContext context)
    {
        var (user, isToken) = (context.User, Identities.IsToken(context.User));
        var (scope, isAdmin) = (Identities.ScopeOf(user), user.IsInRole(Roles.Admin));
        return access switch
        {
            Access.Read => true,
            Access.Submit => scope >= TokenScope.Submit,
            Access.Manage => scope >= TokenScope.Manage,
            Access.Person => !isToken,
            Access.Administrator => isAdmin && scope >= TokenScope.Manage,
            Access.AdministratorPerson => isAdmin && !isToken,
            _ => false,
        };
    }
}
