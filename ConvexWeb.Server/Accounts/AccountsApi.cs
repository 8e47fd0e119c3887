using ConvexWeb.Client.Contracts;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ConvexWeb.Server.Accounts;

/// <param name="DaysValid">How many days the token works; none for no end.</param>
public sealed record TokenRequest(string Name, int? DaysValid = null);

/// <param name="Link">Works once, for a day.</param>
public sealed record InviteLink(string Link);

public static class AccountsApi
{
    public static void MapAccounts(this IEndpointRouteBuilder api)
    {
        var tokens = api.MapGroup("/tokens").WithTags("Accounts");
        tokens.MapGet("", Tokens).WithSummary("Your API tokens");
        tokens.MapPost("", CreateToken).WithSummary("Makes an API token; its secret is shown only in this answer");
        tokens.MapDelete("/{id:guid}", RevokeToken).WithSummary("Revokes an API token");

        var admin = api.MapGroup("").WithTags("Accounts").RequireAuthorization(AccountsSetup.AdminPolicy);
        admin.MapGet("/users", Users).WithSummary("Everybody with an account (administrators)");
        admin.MapPost("/invites", Invite)
            .WithSummary("A one-time link for a new colleague, with admin=true for another administrator (administrators)");
        admin.MapPost("/users/{id:guid}/password-link", PasswordLink)
            .WithSummary("A one-time link with which somebody sets a new password (administrators)");
    }

    private static async Task<Ok<IReadOnlyList<TokenView>>> Tokens(IAccounts accounts, CancellationToken cancel) =>
        TypedResults.Ok(await accounts.TokensAsync(cancel));

    private static async Task<Results<Created<NewToken>, ValidationProblem>> CreateToken(
        TokenRequest request, IAccounts accounts, CancellationToken cancel)
        => TypedResults.Created((string?)null, await accounts.CreateTokenAsync(request.Name, request.DaysValid, cancel));

    private static async Task<Results<NoContent, NotFound>> RevokeToken(Guid id, IAccounts accounts, CancellationToken cancel) =>
        await accounts.RevokeTokenAsync(id, cancel) ? TypedResults.NoContent() : TypedResults.NotFound();

    private static async Task<Ok<IReadOnlyList<UserView>>> Users(IAccounts accounts, CancellationToken cancel) =>
        TypedResults.Ok(await accounts.UsersAsync(cancel));

    private static async Task<Ok<InviteLink>> Invite(IAccounts accounts, CancellationToken cancel, bool admin = false) =>
        TypedResults.Ok(new InviteLink(await accounts.InviteAsync(admin, cancel)));

    private static async Task<Results<Ok<InviteLink>, NotFound>> PasswordLink(Guid id, IAccounts accounts, CancellationToken cancel) =>
        await accounts.PasswordLinkAsync(id, cancel) is { } link ? TypedResults.Ok(new InviteLink(link)) : TypedResults.NotFound();
}
