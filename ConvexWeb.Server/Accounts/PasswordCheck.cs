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
/// Whether a password is an account's. The try is counted first; then a name that no account has takes the same work, and
/// gets the same answer, as a password that is wrong.
/// </summary>
public sealed class PasswordCheck(
    AttemptLimits limits, Names names, UserManager<User> users, IPasswordHasher<User> hasher, AuditTrail trail)
{
    // For unknown names. Made with the first sign-in of all, known or not: else the first unknown name would take longer.
    private static readonly string Nobodys;

    static PasswordCheck() => Nobodys = PasswordWork.HashOfNobody();

    /// <param name="by">Who asks: a stranger at the sign-in, or somebody who is asked again.</param>
    /// <returns>With <see cref="PasswordAnswer.Right"/> also whose it is.</returns>
    public async Task<(PasswordAnswer Answer, User? User)> AskAsync(
        AuditActor by, string? name, string? password, TryOrigin from, CancellationToken cancel)
    {
        // Longer than any that was ever accepted: not worth the work of comparing.
        if (password is not { Length: > 0 and <= PasswordRules.Longest }) password = "";
        // Names of earlier versions may stand in another form: then as they are typed.
        var asTyped = name is { Length: <= 4 * Names.Longest } && Text.IsPlain(name) ? users.NormalizeName(name.Trim())! : "";
        var typed = await names.NormalizeAsync(name, cancel) is { } known ? users.NormalizeName(known)! : asTyped;
        var tries = await limits.TakeAsync(typed, from, cancel);
        if (tries is { IsAllowed: false, IsNews: false }) return (PasswordAnswer.TooMany, null);

        var user = await users.Users.AsNoTracking().Where(one => one.NormalizedUserName == typed || one.NormalizedUserName == asTyped)
            .OrderByDescending(one => one.NormalizedUserName == typed).FirstOrDefaultAsync(cancel);
        // A name that no account has is not noted: a user may have typed a password there.
        var subject = user?.UserName ?? "a name that no account has";
        if (!tries.IsAllowed)
        {
            await trail.WriteAsync(by, new(AuditAction.TooManyTries, subject, "passwords"), cancel);
            return (PasswordAnswer.TooMany, null);
        }
        var hash = user?.PasswordHash ?? Nobodys;
        var result = hasher.VerifyHashedPassword(user ?? new User(), hash, password);
        PasswordWork.DoTheRest(hash, password);
        if (result == PasswordVerificationResult.Failed || user is not { PasswordHash: not null, DisabledAt: null })
        {
            await trail.WriteAsync(by, new(AuditAction.PasswordRefused, subject), cancel);
            return (PasswordAnswer.Wrong, null);
        }
        if (result == PasswordVerificationResult.SuccessRehashNeeded)
        {
            // Of an earlier version, which took less work.
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
        await limits.GiveBackAsync(typed, from, cancel);
        return (PasswordAnswer.Right, user);
    }
}
