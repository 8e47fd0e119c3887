using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// In which order what changes accounts locks them: administrators, then the account, then its sessions, links and tokens, and the audit
/// trail last. Each lock is a statement of its own: the next one sees what the last holder has committed, such as a sign-in's session.
/// </summary>
internal static class AccountLocks
{
    /// <summary>
    /// First, by whatever one administrator does to another: two who demote each other wait for one another here, and the second finds
    /// himself none.
    /// </summary>
    public static Task AdminsAsync(NpgsqlConnection connection, CancellationToken cancel)
        => connection.ExecuteAsync(new CommandDefinition(
            "select from users where is_admin order by id for no key update", cancellationToken: cancel));

    public static Task OneAsync(NpgsqlConnection connection, Guid user, CancellationToken cancel)
        => connection.ExecuteAsync(new CommandDefinition(
            "select from users where id = @user for no key update", new { user }, cancellationToken: cancel));
}
