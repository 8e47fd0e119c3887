using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;
using Dapper;
using Microsoft.AspNetCore.DataProtection;
using Npgsql;
using OtpNet;

namespace ConvexWeb.Server.Accounts;

public enum CodeAnswer
{
    Right,
    Wrong,

    /// <summary>The code was not looked at: there were too many tries in a short time.</summary>
    TooMany,
}

/// <summary>
/// Second factors as they are stored: time-based one-time passwords (RFC 6238: SHA-1, six digits, half a minute) and recovery codes.
/// </summary>
public sealed class SecondFactors(
    NpgsqlDataSource database, IDataProtectionProvider protection, Sessions sessions, AttemptLimits limits, AuditTrail trail,
    TimeProvider time)
{
    /// <summary>Whether account <c>u</c> has one, as SQL.</summary>
    public const string IsOn =
        "exists (select from second_factors f where f.user_id = u.id and f.confirmed_at is not null)";

    /// <summary>
    /// Whether account <c>u</c> has an administrator's rights, as a column: with @AdminsNeedSecondFactor not without one.
    /// </summary>
    public const string IsAdminNow = $"u.is_admin and (not @AdminsNeedSecondFactor or {IsOn}) as is_admin";

    private const int SecretLength = 20; // bytes, as RFC 4226 recommends
    private const int LongestCode = 100;

    // A clock may be wrong by half a minute, and a code be typed slowly.
    private static readonly VerificationWindow Window = new(previous: 1, future: 1);

    private readonly IDataProtector protector = protection.CreateProtector("second factor");

    private sealed record Stored(string Secret, DateTimeOffset? ConfirmedAt);

    /// <summary>Since when codes are asked for, and how many recovery codes are left.</summary>
    public async Task<(DateTimeOffset? Since, int CodesLeft)> StateAsync(Guid user, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.QuerySingleAsync<(DateTimeOffset?, int)>(new CommandDefinition(
            """
            select (select confirmed_at from second_factors where user_id = @user),
                (select count(*)::int from recovery_codes where user_id = @user)
            """, new { user }, cancellationToken: cancel));
    }

    /// <summary>A new secret in the place of one that was not confirmed.</summary>
    /// <returns>Null: there is one that counts already.</returns>
    public async Task<byte[]?> BeginAsync(Act act, Once once, CancellationToken cancel)
    {
        var secret = KeyGeneration.GenerateRandomKey(SecretLength);
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await sessions.RequireAsync(connection, act, cancel);
        await once.FindAsync<string>(connection, cancel); // never told again: it is a secret
        var stored = await connection.ExecuteAsync(new CommandDefinition(
            """
            insert into second_factors as f (user_id, secret, made_at) values (@User, @secret, @now)
            on conflict (user_id) do update set secret = excluded.secret, made_at = excluded.made_at where f.confirmed_at is null
            """,
            new { act.User, secret = protector.Protect(Convert.ToBase64String(secret)), now = time.GetUtcNow() },
            cancellationToken: cancel));
        if (stored != 1) return null;
        await transaction.CommitAsync(cancel);
        return secret;
    }

    /// <summary>Turns on what was begun. Every session of the user but one ends.</summary>
    /// <returns>Recovery codes, when the code is right.</returns>
    public async Task<(CodeAnswer Answer, IReadOnlyList<string> Codes)> ConfirmAsync(
        Act act, string code, Once once, CancellationToken cancel)
    {
        var (user, by, keep) = (act.User, act.By, act.Session);
        if (!await TakeTryAsync(by, user, by.Name, browser: null, cancel)) return (CodeAnswer.TooMany, []);
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // A sign-in that is under way comes before this, and ends with the others, or sees that a code is asked for.
        await AccountLocks.OneAsync(connection, user, cancel);
        await sessions.RequireAsync(connection, act, cancel);
        await once.FindAsync<string>(connection, cancel);
        if (!await TakeAsync(connection, user, code, ofConfirmed: false, cancel))
        {
            await transaction.RollbackAsync(cancel);
            // Back to the pool: who waits for the trail must not hold one connection and want another.
            await connection.CloseAsync();
            await trail.WriteAsync(by, new(AuditAction.PasswordRefused, by.Name, "the first code of a second factor"), cancel);
            return (CodeAnswer.Wrong, []);
        }
        await connection.ExecuteAsync(new CommandDefinition(
            """
            update second_factors set confirmed_at = @now where user_id = @user;
            delete from sessions where user_id = @user and id is distinct from @keep
            """, new { user, keep, now = time.GetUtcNow() }, cancellationToken: cancel));
        await connection.ExecuteAsync($"select pg_notify('{Sessions.EndedChannel}', '')");
        var codes = await RenewCodesAsync(connection, user, cancel);
        await trail.WriteAsync(connection, by, [new(AuditAction.SecondFactorMade, by.Name, "other sessions ended")], cancel);
        await transaction.CommitAsync(cancel);
        await limits.ForgetCodesAsync(user, browser: null, CancellationToken.None);
        return (CodeAnswer.Right, codes);
    }

    /// <returns>None: there is no second factor that they would be for.</returns>
    public async Task<IReadOnlyList<string>> RenewCodesAsync(Act act, Once once, CancellationToken cancel)
    {
        var (user, by) = (act.User, act.By);
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await sessions.RequireAsync(connection, act, cancel);
        await once.FindAsync<string>(connection, cancel);
        if (!await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
                $"select exists (select from users u where u.id = @user and {IsOn})", new { user }, cancellationToken: cancel)))
        {
            return [];
        }
        var codes = await RenewCodesAsync(connection, user, cancel);
        await trail.WriteAsync(connection, by, [new(AuditAction.RecoveryCodesMade, by.Name)], cancel);
        await transaction.CommitAsync(cancel);
        return codes;
    }

    /// <param name="act">Whose doing it is; his own session stays. Null: the command's.</param>
    /// <returns>Whose it was; null when there was none.</returns>
    public async Task<string?> RemoveAsync(Guid user, Act? act, AuditActor by, CancellationToken cancel)
    {
        var keep = act?.User == user ? act.Session : (Guid?)null;
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (act is { AsAdmin: true }) await AccountLocks.AdminsAsync(connection, cancel);
        // A sign-in that has just shown its code comes before this, and ends with the others.
        await AccountLocks.OneAsync(connection, user, cancel);
        if (act is not null) await sessions.RequireAsync(connection, act, cancel);
        var name = await connection.ExecuteScalarAsync<string?>(new CommandDefinition(
            $"""
            with codes as (delete from recovery_codes where user_id = @user),
            ended as (delete from sessions where user_id = @user and id is distinct from @keep),
            gone as (delete from second_factors where user_id = @user and confirmed_at is not null returning user_id)
            select u.user_name from gone join users u on u.id = gone.user_id, pg_notify('{Sessions.EndedChannel}', '')
            """, new { user, keep }, cancellationToken: cancel));
        if (name is null) return null;
        await trail.WriteAsync(connection, by, [new(AuditAction.SecondFactorRemoved, name, "sessions ended")], cancel);
        await transaction.CommitAsync(cancel);
        return name;
    }

    /// <summary>Whether the code is one of the account's; a try is counted before. One that is right works no second time.</summary>
    /// <param name="browser">The hash of the browser's cookie; null when it has none.</param>
    public async Task<CodeAnswer> AskAsync(AuditActor by, User user, string? code, string? browser, CancellationToken cancel)
    {
        if (!await TakeTryAsync(by, user.Id, user.UserName!, browser, cancel)) return CodeAnswer.TooMany;
        bool isRight;
        // A block of its own: who waits for the trail must not hold one connection and want another.
        await using (var connection = await database.OpenConnectionAsync(cancel))
            isRight = await TakeAsync(connection, user.Id, code ?? "", ofConfirmed: true, cancel);
        if (isRight)
        {
            await limits.ForgetCodesAsync(user.Id, browser, cancel);
            return CodeAnswer.Right;
        }
        if (code is { Length: <= LongestCode } && await UseRecoveryCodeAsync(by, user, code, cancel))
        {
            await limits.ForgetCodesAsync(user.Id, browser, cancel);
            return CodeAnswer.Right;
        }
        await trail.WriteAsync(by, new(AuditAction.PasswordRefused, user.UserName!, "the code of the second factor"), cancel);
        return CodeAnswer.Wrong;
    }

    private async Task<bool> TakeTryAsync(AuditActor by, Guid user, string name, string? browser, CancellationToken cancel)
    {
        var tries = await limits.TakeCodeAsync(user, browser, cancel);
        if (tries.IsNews) await trail.WriteAsync(by, new(AuditAction.TooManyTries, name, "codes of the second factor"), cancel);
        return tries.IsAllowed;
    }

    // The half minute is taken in one statement, so that of two requests with one code only one gets in.
    private async Task<bool> TakeAsync(NpgsqlConnection connection, Guid user, string code, bool ofConfirmed, CancellationToken cancel)
    {
        var digits = string.Concat(code.Take(LongestCode).Where(sign => !char.IsWhiteSpace(sign)));
        var stored = await connection.QuerySingleOrDefaultAsync<Stored>(new CommandDefinition(
            "select secret, confirmed_at from second_factors where user_id = @user", new { user }, cancellationToken: cancel));
        if (stored is null || stored.ConfirmedAt is not null != ofConfirmed) return false;
        var totp = new Totp(Convert.FromBase64String(protector.Unprotect(stored.Secret)));
        if (!totp.VerifyTotp(time.GetUtcNow().UtcDateTime, digits, out var step, Window)) return false;
        return await connection.ExecuteAsync(new CommandDefinition(
            "update second_factors set last_step = @step where user_id = @user and secret = @Secret and last_step < @step",
            new { user, step, stored.Secret }, cancellationToken: cancel)) == 1;
    }

    private async Task<bool> UseRecoveryCodeAsync(AuditActor by, User user, string code, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var used = await connection.ExecuteAsync(new CommandDefinition(
            "delete from recovery_codes where user_id = @Id and code_hash = @hash", new { user.Id, hash = RecoveryCodes.Hash(code) },
            cancellationToken: cancel));
        if (used == 0) return false;
        await trail.WriteAsync(connection, by, [new(AuditAction.RecoveryCodeUsed, user.UserName!)], cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    private static async Task<IReadOnlyList<string>> RenewCodesAsync(NpgsqlConnection connection, Guid user, CancellationToken cancel)
    {
        var codes = RecoveryCodes.New();
        await connection.ExecuteAsync(new CommandDefinition(
            """
            delete from recovery_codes where user_id = @user;
            insert into recovery_codes (user_id, code_hash) select @user, unnest(@hashes)
            """, new { user, hashes = codes.Select(RecoveryCodes.Hash).ToArray() }, cancellationToken: cancel));
        return codes;
    }
}
