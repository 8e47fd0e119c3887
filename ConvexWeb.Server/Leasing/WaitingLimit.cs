using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>How many items of one user may wait, paused ones among them, and not those that the server makes on its own.</summary>
internal static class WaitingLimit
{
    /// <summary>
    /// After the caller's transaction has added some: whether it may keep them. Counts under a lock of the user's until the end of the
    /// transaction, so that two requests at once do not both find room. Rows first and then this lock, in every transaction that has both.
    /// </summary>
    /// <param name="added">How many of those that wait the transaction has added.</param>
    /// <returns>Why it may not; null when it may.</returns>
    public static async Task<string?> ProblemAsync(NpgsqlConnection connection, string user, int added, CancellationToken cancel)
    {
        await connection.ExecuteAsync(new(
            "select pg_advisory_xact_lock(21875, hashtext(@user))", new { user }, cancellationToken: cancel)); // "Us"
        var (waiting, most) = await connection.QuerySingleAsync<(long, int)>(new(
            """
            select (
                select count(*) from work_items where created_by = @user and state in ('Queued', 'Paused') and not automatic), user_waiting
            from lab
            """, new { user }, cancellationToken: cancel));
        return waiting <= most
            ? null
            : $"You have {waiting - added:N0} items waiting and this would add {added:N0}; at most {most:N0} of one user may wait. "
                + "Do the rest when some of them have ended.";
    }
}
