using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>How many items of one user may wait, paused ones among them.</summary>
internal static class WaitingLimit
{
    /// <summary>
    /// Counts under a lock of the user's until the end of the caller's transaction, so that two requests at once do not both find room.
    /// </summary>
    /// <param name="more">How many would be added.</param>
    /// <returns>Why they may not be; null when they may.</returns>
    public static async Task<string?> ProblemAsync(NpgsqlConnection connection, string user, int more, CancellationToken cancel)
    {
        await connection.ExecuteAsync(new(
            "select pg_advisory_xact_lock(21875, hashtext(@user))", new { user }, cancellationToken: cancel)); // "Us"
        var (waiting, most) = await connection.QuerySingleAsync<(long, int)>(new(
            """
            select (select count(*) from work_items where created_by = @user and state in ('Queued', 'Paused')), user_waiting from lab
            """, new { user }, cancellationToken: cancel));
        return waiting + more <= most
            ? null
            : $"You have {waiting:N0} items waiting and this would add {more:N0}; at most {most:N0} of one user may wait. "
                + "Do the rest when some of them have ended.";
    }
}
