using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Microsoft.EntityFrameworkCore;

namespace ConvexWeb.Server.Accounts;

/// <summary>What people do with their own account, and administrators with those of others.</summary>
public sealed class StoredAccounts(Caller caller, IDbContextFactory<ConvexDb> databases, TimeProvider time) : IAccounts
{
    private const int MostTokens = 50;
    private const int LongestName = 100;
    private const int MostDays = 3650;

    public async Task<IReadOnlyList<TokenView>> TokensAsync(CancellationToken cancel = default)
    {
        var owner = caller.Id;
        await using var database = await databases.CreateDbContextAsync(cancel);
        var tokens = await database.ApiTokens.AsNoTracking()
            .Where(token => token.UserId == owner && token.RevokedAt == null)
            .OrderByDescending(token => token.CreatedAt)
            .ToListAsync(cancel);
        return [.. tokens.Select(token => token.ToView())];
    }

    public async Task<NewToken> CreateTokenAsync(string name, int? daysValid, CancellationToken cancel = default)
    {
        var owner = caller.Id;
        caller.RequirePerson("make tokens");
        await using var database = await databases.CreateDbContextAsync(cancel);
        var problems = new List<FieldProblem>();
        if (string.IsNullOrWhiteSpace(name) || name.Length > LongestName)
            problems.Add(new("name", $"name must be 1 to {LongestName} characters long."));
        if (Text.Problem("name", name) is { } unfit) problems.Add(unfit);
        if (daysValid is < 1 or > MostDays)
        {
            problems.Add(new(
                "daysValid", $"daysValid is {daysValid}; allowed are 1 to {MostDays}, or none for a token without an end."));
        }
        if (await database.ApiTokens.CountAsync(token => token.UserId == owner && token.RevokedAt == null, cancel) >= MostTokens)
            problems.Add(new("", $"You have {MostTokens} tokens already; revoke one first."));
        if (problems.Count > 0) throw new InvalidInputException(problems);

        var now = time.GetUtcNow();
        var secret = Secret.New(ApiToken.Prefix);
        var token = new ApiToken
        {
            Id = Guid.CreateVersion7(now),
            UserId = owner,
            Name = name.Trim(),
            SecretHash = Secret.Hash(secret),
            CreatedAt = now,
            ExpiresAt = daysValid is { } days ? now.AddDays(days) : null,
        };
        database.ApiTokens.Add(token);
        await database.SaveChangesAsync(cancel);
        return new NewToken(token.ToView(), secret);
    }

    public async Task<bool> RevokeTokenAsync(Guid id, CancellationToken cancel = default)
    {
        var owner = caller.Id;
        await using var database = await databases.CreateDbContextAsync(cancel);
        var found = await database.ApiTokens.SingleOrDefaultAsync(
            token => token.Id == id && token.UserId == owner && token.RevokedAt == null, cancel);
        if (found is null) return false;
        found.Revoke(time.GetUtcNow());
        await database.SaveChangesAsync(cancel);
        return true;
    }

    public async Task<string> InviteAsync(bool asAdmin = false, CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        caller.RequirePerson("invite people");
        await using var database = await databases.CreateDbContextAsync(cancel);
        return await LinkAsync(database, asAdmin, forUser: null, cancel);
    }

    public async Task<string?> PasswordLinkAsync(Guid user, CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        caller.RequirePerson("set passwords");
        await using var database = await databases.CreateDbContextAsync(cancel);
        return await database.Users.AnyAsync(known => known.Id == user, cancel)
            ? await LinkAsync(database, isAdmin: false, user, cancel) + "&reset=true"
            : null;
    }

    private async Task<string> LinkAsync(ConvexDb database, bool isAdmin, Guid? forUser, CancellationToken cancel)
    {
        var (invite, secret) = Invite.New(time.GetUtcNow(), caller.Id, isAdmin, forUser);
        database.Invites.Add(invite);
        await database.SaveChangesAsync(cancel);
        return $"{caller.BaseUri}welcome?token={secret}";
    }

    public async Task<IReadOnlyList<UserView>> UsersAsync(CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        await using var database = await databases.CreateDbContextAsync(cancel);
        return await database.Users
            .OrderBy(user => user.UserName)
            .Select(user => new UserView(user.Id, user.UserName!, user.IsAdmin))
            .ToListAsync(cancel);
    }
}
