using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace ConvexWeb.Server.Accounts;

public enum PasswordAnswer
{
    Right,
    Wrong,

    /// <summary>The password was not looked at: there were too many tries in a short time.</summary>
    TooMany,
}

/// <summary>
/// Whether a password is somebody's. The try is counted first; then a name that nobody has takes the same work, and gets the same answer,
/// as a password that is wrong.
/// </summary>
public sealed class PasswordCheck(
    AttemptLimits limits, CookieNames cookies, UserManager<User> users, IPasswordHasher<User> hasher, AuditTrail trail)
{
    private static string? nobodys;

    /// <param name="by">Who asks: a stranger at the sign-in, or somebody who is asked again.</param>
    /// <returns>With <see cref="PasswordAnswer.Right"/> also whose it is.</returns>
    public async Task<(PasswordAnswer Answer, User? User)> AskAsync(HttpContext context, AuditActor by, string? name, string? password)
    {
        return await AskAsync(
            by, name, password, Network.Of(context), cookies.BrowserIn(context.Request), context.RequestAborted);
    }

    /// <param name="network">To count by.</param>
    /// <param name="browser">The hash of the browser's cookie; null when it has none.</param>
    public async Task<(PasswordAnswer Answer, User? User)> AskAsync(
        AuditActor by, string? name, string? password, string network, string? browser, CancellationToken cancel)
    {
        // Longer than any that was ever accepted: not worth the work of comparing.
        if (password is not { Length: > 0 and <= PasswordRules.Longest }) password = "";
        var typed = Names.TryNormalize(name, out var known) ? users.NormalizeName(known)! : "";
        if (!await limits.TakeAsync(typed, network, browser, cancel)) return (PasswordAnswer.TooMany, null);

        var user = await users.Users.AsNoTracking().SingleOrDefaultAsync(one => one.NormalizedUserName == typed, cancel);
        var hash = user?.PasswordHash ?? (nobodys ??= hasher.HashPassword(new User(), Secret.New()));
        var result = hasher.VerifyHashedPassword(user ?? new User(), hash, password);
        if (result == PasswordVerificationResult.Failed || user is not { PasswordHash: not null, DisabledAt: null })
        {
            // A name that nobody has is not noted: somebody may have typed a password there.
            await trail.WriteAsync(by, new(AuditAction.PasswordRefused, user?.UserName ?? "a name that nobody has"), cancel);
            return (PasswordAnswer.Wrong, null);
        }
        if (result == PasswordVerificationResult.SuccessRehashNeeded)
        {
            // Of an earlier version, which took less work: else the time of an answer would tell such accounts from names that nobody has.
            var renewed = hasher.HashPassword(user, password);
            var before = user.PasswordHash;
            var isRenewed = await users.Users.Where(one => one.Id == user.Id && one.PasswordHash == before)
                .ExecuteUpdateAsync(one => one.SetProperty(row => row.PasswordHash, renewed), cancel) == 1;
            // Another sign-in may have been first, or the password is another by now: what is begun with it is then refused.
            user.PasswordHash = isRenewed ? renewed : await users.Users.Where(one => one.Id == user.Id)
                .Select(one => one.PasswordHash).SingleOrDefaultAsync(cancel);
            if (!isRenewed && hasher.VerifyHashedPassword(user, user.PasswordHash ?? "", password) == PasswordVerificationResult.Failed)
                return (PasswordAnswer.Wrong, null);
        }
        await limits.GiveBackAsync(typed, network, browser, cancel);
        return (PasswordAnswer.Right, user);
    }
}
