using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ConvexWeb.Server.Accounts;

/// <param name="DaysValid">How many days the token works; at most 366.</param>
public sealed record TokenRequest(string Name, TokenScope Scope = TokenScope.Submit, int DaysValid = 90);

/// <param name="Link">Works once, for a day.</param>
public sealed record OneTimeLink(string Link);

/// <param name="Code">Of the second factor, where the account has one.</param>
public sealed record PasswordProof(string Password, string? Code = null);

public sealed record CodeProof(string Code);

/// <param name="Codes">They are shown only in this answer.</param>
public sealed record RecoveryCodeList(IReadOnlyList<string> Codes);

public static class AccountsApi
{
    public static void MapAccounts(this IEndpointRouteBuilder api)
    {
        var accounts = api.MapGroup("").WithTags("Accounts");
        accounts.MapGet("/tokens", Tokens).Allow(Access.Read).WithSummary("Your API tokens");
        accounts.MapPost("/tokens", CreateToken).Allow(Access.Person).MakesOnce()
            .WithSummary("Makes an API token; its secret is shown only in this answer. Wants the password, typed in the last minutes");
        accounts.MapDelete("/tokens/{id:guid}", RevokeToken).Allow(Access.Manage).WithSummary("Revokes an API token");

        accounts.MapGet("/sessions", Sessions).Allow(Access.Person).WithSummary("Where you are signed in");
        accounts.MapDelete("/sessions/{id:guid}", EndSession).Allow(Access.Person).WithSummary("Signs one browser out");
        accounts.MapDelete("/sessions", EndOtherSessions).Allow(Access.Person).WithSummary("Signs every other browser out");
        accounts.MapPost("/sessions/password", Prove).Allow(Access.Person)
            .WithSummary("Tells this session the password again, before something that wants it");

        accounts.MapGet("/second-factor", SecondFactor).Allow(Access.Person).WithSummary("Whether your sign-in asks for a code of an app");
        accounts.MapPost("/second-factor", BeginSecondFactor).Allow(Access.Person).MakesOnce().WithSummary(
            "A new secret for an app; it counts when a code of it is confirmed. Wants the password, typed in the last minutes");
        accounts.MapPost("/second-factor/confirmation", ConfirmSecondFactor).Allow(Access.Person).MakesOnce()
            .WithSummary("Turns the second factor on, and answers recovery codes; your other sessions end");
        accounts.MapPost("/second-factor/recovery-codes", RenewRecoveryCodes).Allow(Access.Person).MakesOnce()
            .WithSummary("New recovery codes; the old ones are void. Wants the password");
        accounts.MapDelete("/second-factor", RemoveSecondFactor).Allow(Access.Person)
            .WithSummary("Turns the second factor off. Wants the password");

        accounts.MapGet("/users", Users).Allow(Access.Administrator).WithSummary("Everybody with an account (administrators)");
        accounts.MapPatch("/users/{id:guid}", ChangeUser).Allow(Access.AdministratorPerson).WithSummary(
            "Disables or enables an account, or makes its owner an administrator or none; the user's sessions end (administrators)");
        accounts.MapDelete("/users/{id:guid}", DeleteUser).Allow(Access.AdministratorPerson)
            .WithSummary("Deletes an account: runs stay, with the name, which nobody else may take (administrators)");
        accounts.MapDelete("/users/{id:guid}/second-factor", RemoveSecondFactorOf).Allow(Access.AdministratorPerson)
            .WithSummary("Turns the second factor of somebody off who has lost it; the user's sessions end (administrators)");
        accounts.MapDelete("/users/{id:guid}/tokens", RevokeTokensOf).Allow(Access.AdministratorPerson)
            .WithSummary("Revokes every token of somebody and ends every session; the account stays (administrators)");
        accounts.MapPost("/users/{id:guid}/password-link", PasswordLink).Allow(Access.AdministratorPerson).MakesOnce()
            .WithSummary("A one-time link with which somebody sets a new password (administrators)");
        accounts.MapGet("/invites", Links)
            .Allow(Access.Administrator).WithSummary("One-time links that can still be used (administrators)");
        accounts.MapPost("/invites", Invite).Allow(Access.AdministratorPerson).MakesOnce()
            .WithSummary("A one-time link for a new colleague, with admin=true for another administrator (administrators)");
        accounts.MapDelete("/invites/{id:guid}", WithdrawLink).Allow(Access.AdministratorPerson)
            .WithSummary("Withdraws a one-time link (administrators)");
    }

    private static async Task<Ok<IReadOnlyList<TokenView>>> Tokens(IAccounts accounts, CancellationToken cancel) =>
        TypedResults.Ok(await accounts.TokensAsync(cancel));

    private static async Task<Results<Created<NewToken>, ValidationProblem>> CreateToken(
        TokenRequest request, IAccounts accounts, CancellationToken cancel)
        => TypedResults.Created(
            (string?)null, await accounts.CreateTokenAsync(request.Name, request.Scope, request.DaysValid, cancel));

    private static Task<Results<NoContent, NotFound>> RevokeToken(Guid id, IAccounts accounts, CancellationToken cancel)
        => DoneAsync(accounts.RevokeTokenAsync(id, cancel));

    private static async Task<Ok<IReadOnlyList<SessionView>>> Sessions(IAccounts accounts, CancellationToken cancel) =>
        TypedResults.Ok(await accounts.SessionsAsync(cancel));

    private static Task<Results<NoContent, NotFound>> EndSession(Guid id, IAccounts accounts, CancellationToken cancel)
        => DoneAsync(accounts.EndSessionAsync(id, cancel));

    private static async Task<NoContent> EndOtherSessions(IAccounts accounts, CancellationToken cancel)
    {
        await accounts.EndOtherSessionsAsync(cancel);
        return TypedResults.NoContent();
    }

    // It gives the session a new cookie.
    private static async Task<Results<NoContent, ValidationProblem>> Prove(
        PasswordProof proof, HttpContext context, Caller caller, PersonProof person, Sessions sessions)
    {
        var problem = (await person.AskAsync(context, proof.Password, proof.Code)).Answer switch
        {
            ProofAnswer.TooManyPasswords => StoredAccounts.TooMany,
            ProofAnswer.TooManyCodes => StoredAccounts.TooManyCodes,
            ProofAnswer.CodeMissing => "This account has a second factor: the code of the app is wanted too.",
            ProofAnswer.CodeWrong => "The code is wrong.",
            ProofAnswer.PasswordWrong => "The password is wrong.",
            _ => null,
        };
        if (problem is not null) throw new InvalidInputException("password", problem);
        return await sessions.ProveAsync(context, caller.Session!.Value, context.RequestAborted)
            ? TypedResults.NoContent()
            : throw new AccessDeniedException("Your session has ended. Sign in again.");
    }

    private static async Task<Ok<SecondFactorView>> SecondFactor(ISecondFactor factor, CancellationToken cancel)
        => TypedResults.Ok(await factor.GetAsync(cancel));

    private static async Task<Results<Ok<NewSecondFactor>, ValidationProblem>> BeginSecondFactor(
        ISecondFactor factor, CancellationToken cancel)
        => TypedResults.Ok(await factor.BeginAsync(cancel));

    private static async Task<Results<Ok<RecoveryCodeList>, ValidationProblem>> ConfirmSecondFactor(
        CodeProof proof, ISecondFactor factor, CancellationToken cancel)
        => TypedResults.Ok(new RecoveryCodeList(await factor.ConfirmAsync(proof.Code, cancel)));

    private static async Task<Results<Ok<RecoveryCodeList>, ValidationProblem>> RenewRecoveryCodes(
        ISecondFactor factor, CancellationToken cancel)
        => TypedResults.Ok(new RecoveryCodeList(await factor.RenewCodesAsync(cancel)));

    private static async Task<Results<NoContent, ValidationProblem>> RemoveSecondFactor(ISecondFactor factor, CancellationToken cancel)
    {
        await factor.RemoveAsync(cancel);
        return TypedResults.NoContent();
    }

    private static Task<Results<NoContent, NotFound>> RemoveSecondFactorOf(Guid id, ISecondFactor factor, CancellationToken cancel)
        => DoneAsync(factor.RemoveOfAsync(id, cancel));

    private static async Task<Ok<IReadOnlyList<UserView>>> Users(IAccounts accounts, CancellationToken cancel) =>
        TypedResults.Ok(await accounts.UsersAsync(cancel));

    private static async Task<Results<Ok<UserView>, NotFound, ValidationProblem>> ChangeUser(
        Guid id, UserChange change, IAccounts accounts, CancellationToken cancel)
        => await accounts.ChangeUserAsync(id, change, cancel) is { } user ? TypedResults.Ok(user) : TypedResults.NotFound();

    private static Task<Results<NoContent, NotFound>> DeleteUser(Guid id, IAccounts accounts, CancellationToken cancel)
        => DoneAsync(accounts.DeleteUserAsync(id, cancel));

    private static Task<Results<NoContent, NotFound>> RevokeTokensOf(Guid id, IAccounts accounts, CancellationToken cancel)
        => DoneAsync(RevokeAsync(id, accounts, cancel));

    private static async Task<bool> RevokeAsync(Guid id, IAccounts accounts, CancellationToken cancel)
        => await accounts.RevokeTokensAsync(id, cancel) is not null;

    private static async Task<Results<Ok<OneTimeLink>, NotFound>> PasswordLink(Guid id, IAccounts accounts, CancellationToken cancel) =>
        await accounts.PasswordLinkAsync(id, cancel) is { } link ? TypedResults.Ok(new OneTimeLink(link)) : TypedResults.NotFound();

    private static async Task<Ok<IReadOnlyList<LinkView>>> Links(IAccounts accounts, CancellationToken cancel) =>
        TypedResults.Ok(await accounts.LinksAsync(cancel));

    private static async Task<Ok<OneTimeLink>> Invite(IAccounts accounts, CancellationToken cancel, bool admin = false) =>
        TypedResults.Ok(new OneTimeLink(await accounts.InviteAsync(admin, cancel)));

    private static Task<Results<NoContent, NotFound>> WithdrawLink(Guid id, IAccounts accounts, CancellationToken cancel)
        => DoneAsync(accounts.WithdrawLinkAsync(id, cancel));

    private static async Task<Results<NoContent, NotFound>> DoneAsync(Task<bool> done)
        => await done ? TypedResults.NoContent() : TypedResults.NotFound();
}
