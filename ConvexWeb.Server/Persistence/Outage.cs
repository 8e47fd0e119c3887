using Npgsql;

namespace ConvexWeb.Server.Persistence;

/// <summary>
/// What a database that is away looks like from here, which is worth waiting for; and what it says when asking again will not help.
/// </summary>
public static class Outage
{
    public static bool Is(Exception problem) =>
        Unwrap(problem) is (NpgsqlException or TimeoutException or IOException) and var bare && !IsRefusal(bare);

    /// <summary>Without the exception in which Entity Framework wraps what it takes for an outage.</summary>
    public static Exception Unwrap(Exception problem) =>
        problem is InvalidOperationException { InnerException: NpgsqlException inner } ? inner : problem;

    /// <summary>Bad data, a broken constraint, a missing column.</summary>
    public static bool IsRefusal(Exception problem) =>
        problem is PostgresException refused && refused.SqlState[..2] is "22" or "23" or "42";
}
