using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// Where the plain forms about names and passwords go: the circuit of a page cannot set a cookie. Each carries an antiforgery token. What
/// goes wrong is told to the page as a code in its query, so that no text of a stranger's choosing is ever shown.
/// </summary>
public static class SignInForms
{
    public static void MapSignInForms(this IEndpointRouteBuilder routes)
    {
        var forms = routes.MapGroup(PagesSetup.FormsPath).ExcludeFromDescription();
        forms.MapPost("/signin", SignIn).Allow(Access.Anyone);
        forms.MapPost("/code", SecondStep).Allow(Access.Anyone);
        forms.MapPost("/welcome", Welcome).Allow(Access.Anyone);
        forms.MapPost("/confirm", Confirm).Allow(Access.Person);
        forms.MapPost("/signout", SignOut).Allow(Access.Person);
        forms.MapPost("/password", ChangePassword).Allow(Access.Person);
    }

    private static async Task<RedirectHttpResult> SignIn(
        [FromForm] string? name, [FromForm] string? password, [FromForm] string? returnUrl,
        HttpContext context, PasswordCheck passwords, Entrance entrance)
    {
        var (answer, user) = await passwords.AskAsync(context, AuditActor.Stranger(Network.Address(context)), name, password);
        return user is null
            ? To("/signin", ("error", answer == PasswordAnswer.TooMany ? "busy" : "wrong"), ("returnUrl", Local(returnUrl)))
            : await LetInAsync(entrance, context, user, Local(returnUrl));
    }

    // The code of the second factor, after the password.
    private static async Task<RedirectHttpResult> SecondStep(
        [FromForm] string? code, [FromForm] string? returnUrl, HttpContext context, Entrance entrance)
        => await entrance.AskCodeAsync(context, code) switch
        {
            CodeAnswer.Right => TypedResults.LocalRedirect(Local(returnUrl)),
            CodeAnswer.TooMany => To("/code", ("error", "busy"), ("returnUrl", Local(returnUrl))),
            CodeAnswer.Wrong => To("/code", ("error", "wrong"), ("returnUrl", Local(returnUrl))),
            _ => To("/signin", ("error", "stale"), ("returnUrl", Local(returnUrl))),
        };

    private static async Task<RedirectHttpResult> LetInAsync(Entrance entrance, HttpContext context, User user, string then)
        => await entrance.BeginAsync(context, user) switch
        {
            EntranceAnswer.Open => TypedResults.LocalRedirect(then),
            EntranceAnswer.AsksForCode => To("/code", ("returnUrl", then)),
            _ => To("/signin", ("error", "wrong"), ("returnUrl", then)),
        };

    private static async Task<RedirectHttpResult> Welcome(
        [FromForm] string? token, [FromForm] string? name, [FromForm] string? password,
        HttpContext context, ConvexDb database, UserManager<User> users, Sessions sessions, Entrance entrance, ApiTokens tokens,
        AttemptLimits limits, AuditTrail trail, TimeProvider time)
    {
        var (now, cancel) = (time.GetUtcNow(), context.RequestAborted);
        var stranger = AuditActor.Stranger(Network.Address(context));
        if (!await limits.TakeAsync(Network.Of(context), cancel)) return Back("busy");
        await using var transaction = await database.Database.BeginTransactionAsync(cancel);

        // One at a time: a link works once, and of two set-up links only the first makes an administrator.
        await database.Database.ExecuteSqlAsync($"lock table invites in share row exclusive mode", cancel);
        var hash = Secret.Hash(token ?? "");
        var invite = await database.Invites.SingleOrDefaultAsync(found => found.SecretHash == hash, cancel);
        if (invite is null || !invite.IsOpen(now)) return await RefuseAsync();
        if (invite.ForUser is { } owner) return await SetPasswordAsync(owner);

        // The link of a start is void once somebody can invite; what an administrator makes is meant.
        if (invite is { IsAdmin: true, CreatedBy: null } && await database.Users.AnyAsync(user => user.IsAdmin, cancel))
            return await RefuseAsync();

        if (!Names.TryNormalize(name, out var normal)) return Back("name");
        if (Names.IsReserved(normal)) return Back("name-taken");
        var user = new User { Id = Guid.CreateVersion7(now), UserName = normal, IsAdmin = invite.IsAdmin, CreatedAt = now };
        var result = await users.CreateAsync(user, password ?? "");
        if (!result.Succeeded) return Back(Code(result));

        invite.Use(user.Id, now);
        await database.SaveChangesAsync(cancel);
        await NoteAsync(new(AuditAction.AccountMade, normal, await ByAsync() + (user.IsAdmin ? ", an administrator" : "")));
        await transaction.CommitAsync(cancel);
        return await LetInAsync(entrance, context, user, "/");

        // Somebody has forgotten the password, or somebody else has learned it: whatever it opened is closed.
        async Task<RedirectHttpResult> SetPasswordAsync(Guid id)
        {
            if (await users.FindByIdAsync(id.ToString()) is not { DisabledAt: null } known) return await RefuseAsync();
            // A password that is refused leaves the old one: all of this is one transaction.
            await users.RemovePasswordAsync(known);
            var reset = await users.AddPasswordAsync(known, password ?? "");
            if (!reset.Succeeded) return Back(Code(reset), reset: true);
            invite.Use(known.Id, now);
            await database.SaveChangesAsync(cancel);
            await ForgetLinksAsync(database, known.Id, cancel);
            await NoteAsync(new(AuditAction.PasswordChanged, known.UserName!, await ByAsync() + "; sessions and tokens ended"));
            cancel = CancellationToken.None; // what follows from it happens, whether somebody waits for the answer or not
            await transaction.CommitAsync(cancel);
            await sessions.EndAllAsync(known.Id, keep: null, cancel);
            await tokens.RevokeAllAsync(known.Id, cancel);
            await limits.ForgetAsync(known.NormalizedUserName!, cancel);
            return await LetInAsync(entrance, context, known, "/");
        }

        async Task<RedirectHttpResult> RefuseAsync()
        {
            await transaction.RollbackAsync(cancel);
            await trail.WriteAsync(stranger, new(AuditAction.LinkRefused), cancel);
            return Back("link");
        }

        Task NoteAsync(AuditNote note) => trail.WriteAsync((NpgsqlConnection)database.Database.GetDbConnection(), stranger, [note], cancel);

        async Task<string> ByAsync() => invite.CreatedBy is { } maker && await users.FindByIdAsync(maker.ToString()) is { } known
            ? $"by a link of {known.UserName}"
            : "by the link that the server printed";

        RedirectHttpResult Back(string error, bool reset = false)
            => To("/welcome", ("token", token), ("error", error), ("reset", reset ? "true" : null));
    }

    // A change of the password is meant to put others out: every other session ends, and links for another one are void. Tokens are not the
    // password's, and end where that is wished.
    private static async Task<RedirectHttpResult> ChangePassword(
        [FromForm] string? current, [FromForm] string? code, [FromForm] string? password, [FromForm] bool? tokens,
        HttpContext context, Caller caller, PersonProof proof, ConvexDb database, UserManager<User> users, Sessions sessions,
        ApiTokens made, AuditTrail trail)
    {
        var cancel = context.RequestAborted;
        var (answer, _) = await proof.AskAsync(context, current, code);
        if (answer != ProofAnswer.Right) return Back(Word(answer));
        var user = await users.FindByIdAsync(caller.Id.ToString());
        var result = await users.ChangePasswordAsync(user!, current!, password ?? "");
        if (!result.Succeeded) return Back(Code(result));
        cancel = CancellationToken.None; // what follows from it happens, whether somebody waits for the answer or not
        await ForgetLinksAsync(database, caller.Id, cancel);
        await sessions.EndAllAsync(caller.Id, keep: null, cancel);
        if (tokens == true) await made.RevokeAllAsync(caller.Id, cancel);
        await trail.WriteAsync(
            caller.Actor,
            new(AuditAction.PasswordChanged, caller.Name, "other sessions ended" + (tokens == true ? ", tokens too" : "")), cancel);
        await sessions.BeginAsync(context, user!, Factor.Shown, cancel);
        return Back(tokens == true ? "changed-all" : "changed");

        static RedirectHttpResult Back(string word) => To("/account", ("password", word));
    }

    // The password once more, and the code where there is one, before something that gives somebody rights.
    private static async Task<RedirectHttpResult> Confirm(
        [FromForm] string? password, [FromForm] string? code, [FromForm] string? returnUrl,
        HttpContext context, Caller caller, PersonProof proof, Sessions sessions)
    {
        var (answer, _) = await proof.AskAsync(context, password, code);
        if (answer != ProofAnswer.Right) return To("/confirm", ("error", Word(answer)), ("returnUrl", Local(returnUrl)));
        await sessions.ProveAsync(caller.Session!.Value, context.RequestAborted);
        return TypedResults.LocalRedirect(Local(returnUrl));
    }

    private static string Word(ProofAnswer answer) => answer switch
    {
        ProofAnswer.TooManyPasswords => "busy",
        ProofAnswer.TooManyCodes => "codes",
        ProofAnswer.CodeMissing or ProofAnswer.CodeWrong => "code",
        _ => "wrong",
    };

    private static async Task<RedirectHttpResult> SignOut(
        HttpContext context, Caller caller, Sessions sessions, AuditTrail trail, [FromForm] string? returnUrl)
    {
        await sessions.EndAsync(context, context.RequestAborted);
        await trail.WriteAsync(caller.Actor, new(AuditAction.SignedOut), context.RequestAborted);
        return TypedResults.LocalRedirect(RedirectHttpResult.IsLocalUrl(returnUrl) ? returnUrl! : "/signin");
    }

    private static Task<int> ForgetLinksAsync(ConvexDb database, Guid user, CancellationToken cancel)
        => database.Invites.Where(invite => invite.ForUser == user && invite.UsedAt == null).ExecuteDeleteAsync(cancel);

    private static string Local(string? address) => RedirectHttpResult.IsLocalUrl(address) ? address! : "/";

    private static RedirectHttpResult To(string path, params (string Name, string? Value)[] query)
        => TypedResults.LocalRedirect(path + QueryString.Create(
            query.Where(part => part.Value is not null).Select(part => KeyValuePair.Create(part.Name, part.Value))));

    private static string Code(IdentityResult result) => result.Errors.First().Code switch
    {
        nameof(IdentityErrorDescriber.DuplicateUserName) => "name-taken",
        nameof(IdentityErrorDescriber.InvalidUserName) => "name",
        nameof(IdentityErrorDescriber.PasswordTooShort) => "password-short",
        var code when code.StartsWith("password-", StringComparison.Ordinal) => code,
        _ => "password-common",
    };
}
