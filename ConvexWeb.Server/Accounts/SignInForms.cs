using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// Where the plain forms about names and passwords go: the circuit of a page cannot set a cookie. Each carries an antiforgery token. What
/// goes wrong is told to the page as a code in its query, so that no text of a stranger's choosing is ever shown.
/// </summary>
public static class SignInForms
{
    public const string Path = "/account";

    public static void MapSignInForms(this IEndpointRouteBuilder routes)
    {
        var forms = routes.MapGroup(Path).ExcludeFromDescription();
        forms.MapPost("/signin", SignIn).AllowAnonymous().RequireRateLimiting(RateLimits.SignIn);
        forms.MapPost("/welcome", Welcome).AllowAnonymous().RequireRateLimiting(RateLimits.SignIn);
        forms.MapPost("/signout", SignOut);
        forms.MapPost("/password", ChangePassword).RequireRateLimiting(RateLimits.SignIn);
    }

    private static async Task<RedirectHttpResult> SignIn(
        [FromForm] string? name, [FromForm] string? password, [FromForm] string? returnUrl,
        SignInManager<User> manager, ILogger<SignInManager<User>> log)
    {
        var user = name is not null && Text.IsPlain(name) ? await manager.UserManager.FindByNameAsync(name) : null;
        if (user is null)
        {
            // As much work as for a name that exists, or the time of the answer would tell which names do.
            manager.UserManager.PasswordHasher.HashPassword(new User(), password ?? "");
            log.LogWarning("Sign-in refused: unknown name");
            return Back("wrong");
        }

        var result = await manager.CheckPasswordSignInAsync(user, password ?? "", lockoutOnFailure: true);
        if (!result.Succeeded)
        {
            log.LogWarning("Sign-in of {User} refused: {Result}", user.Id, result);
            return Back(result.IsLockedOut ? "locked" : "wrong");
        }

        await manager.SignInAsync(user, new AuthenticationProperties { IsPersistent = true });
        log.LogInformation("{User} signed in", user.Id);
        return TypedResults.LocalRedirect(RedirectHttpResult.IsLocalUrl(returnUrl) ? returnUrl! : "/");

        RedirectHttpResult Back(string error)
        {
            var returns = RedirectHttpResult.IsLocalUrl(returnUrl) ? returnUrl! : "/";
            return TypedResults.LocalRedirect("/signin" + QueryString.Create("error", error).Add("returnUrl", returns));
        }
    }

    private static async Task<RedirectHttpResult> Welcome(
        [FromForm] string? token, [FromForm] string? name, [FromForm] string? password,
        ConvexDb database, SignInManager<User> manager, SessionStore sessions, HttpContext context,
        TimeProvider time, ILogger<Invite> log, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        await using var transaction = await database.Database.BeginTransactionAsync(cancel);

        // One at a time: a link works once, and of two set-up links only the first makes an administrator.
        await database.Database.ExecuteSqlAsync($"lock table invites in share row exclusive mode", cancel);
        var hash = Secret.Hash(token ?? "");
        var invite = await database.Invites.SingleOrDefaultAsync(found => found.SecretHash == hash, cancel);
        if (invite is null || !invite.IsOpen(now)) return Back("link");
        if (invite.ForUser is { } owner) return await SetPasswordAsync(owner);

        // The link of a start is void once somebody can invite; what an administrator makes is meant.
        if (invite is { IsAdmin: true, CreatedBy: null } && await database.Users.AnyAsync(user => user.IsAdmin, cancel))
            return Back("link");

        var user = new User { Id = Guid.CreateVersion7(now), UserName = name?.Trim(), IsAdmin = invite.IsAdmin, CreatedAt = now };
        if (user.UserName is not { Length: >= 2 and <= 64 }) return Back("name");
        if (User.ReservedNames.Contains(user.UserName)) return Back("name-taken");
        var result = await manager.UserManager.CreateAsync(user, password ?? "");
        if (!result.Succeeded) return Back(Code(result));

        invite.Use(user.Id, now);
        await database.SaveChangesAsync(cancel);
        await transaction.CommitAsync(cancel);
        log.LogInformation("{User} made an account, administrator: {IsAdmin}", user.Id, user.IsAdmin);
        await manager.SignInAsync(user, new AuthenticationProperties { IsPersistent = true });
        return TypedResults.LocalRedirect("/");

        async Task<RedirectHttpResult> SetPasswordAsync(Guid id)
        {
            if (await manager.UserManager.FindByIdAsync(id.ToString()) is not { } known) return Back("link");
            // A password that is refused leaves the old one: all of this is one transaction.
            await manager.UserManager.RemovePasswordAsync(known);
            var reset = await manager.UserManager.AddPasswordAsync(known, password ?? "");
            if (!reset.Succeeded) return Back(Code(reset), reset: true);
            await manager.UserManager.ResetAccessFailedCountAsync(known);
            await manager.UserManager.SetLockoutEndDateAsync(known, null);
            invite.Use(known.Id, now);
            await database.SaveChangesAsync(cancel);
            await transaction.CommitAsync(cancel);
            await sessions.RemoveOthersAsync(known.Id, context.User);
            log.LogInformation("{User} has a new password by a link of {By}", known.Id, invite.CreatedBy);
            await manager.SignInAsync(known, new AuthenticationProperties { IsPersistent = true });
            return TypedResults.LocalRedirect("/");
        }

        RedirectHttpResult Back(string error, bool reset = false)
        {
            var query = QueryString.Create("token", token ?? "").Add("error", error);
            return TypedResults.LocalRedirect("/welcome" + query + (reset ? "&reset=true" : ""));
        }
    }

    // Whoever changes the password wants others out: every other session ends. API tokens are not the password's.
    private static async Task<RedirectHttpResult> ChangePassword(
        [FromForm] string? current, [FromForm] string? password,
        HttpContext context, SignInManager<User> manager, SessionStore sessions, ILogger<SignInManager<User>> log)
    {
        if (await manager.UserManager.GetUserAsync(context.User) is not { } user || TokenHandler.IsIn(context.Request))
            return TypedResults.LocalRedirect("/signin");
        var checkedOnce = await manager.CheckPasswordSignInAsync(user, current ?? "", lockoutOnFailure: true);
        if (!checkedOnce.Succeeded) return Back(checkedOnce.IsLockedOut ? "locked" : "wrong");
        var result = await manager.UserManager.ChangePasswordAsync(user, current ?? "", password ?? "");
        if (!result.Succeeded) return Back(Code(result));
        await sessions.RemoveOthersAsync(user.Id, context.User);
        await manager.SignInAsync(user, new AuthenticationProperties { IsPersistent = true });
        log.LogInformation("{User} changed the password", user.Id);
        return Back("changed");

        static RedirectHttpResult Back(string word) => TypedResults.LocalRedirect("/account" + QueryString.Create("password", word));
    }

    private static async Task<RedirectHttpResult> SignOut(SignInManager<User> manager, [FromForm] string? returnUrl)
    {
        await manager.SignOutAsync();
        return TypedResults.LocalRedirect(RedirectHttpResult.IsLocalUrl(returnUrl) ? returnUrl! : "/signin");
    }

    private static string Code(IdentityResult result) => result.Errors.First().Code switch
    {
        nameof(IdentityErrorDescriber.DuplicateUserName) => "name-taken",
        nameof(IdentityErrorDescriber.InvalidUserName) => "name",
        nameof(IdentityErrorDescriber.PasswordTooShort) => "password-short",
        var code when code.StartsWith("password-", StringComparison.Ordinal) => code,
        _ => "password-common",
    };
}
