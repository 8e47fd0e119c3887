using Npgsql;

namespace ConvexWeb.Server.Persistence;

/// <summary>
/// What a database that is away looks like from here, which is worth waiting for; and what it says when asking again will not help.
/// </summary>
public static class Outage
{
    public static bool Is(Exception problem) => problem switch
    {
        InvalidOperationException { InnerException: NpgsqlException inner } => Is(inner), // Entity Framework's wrapping
        NpgsqlException or TimeoutException or IOException => !IsRefusal(problem),
        _ => false,
    };

    /// <summary>Bad data, a broken constraint, a missing column.</summary>
    public static bool IsRefusal(Exception problem) =>
        problem is PostgresException refused && refused.SqlState[..2] is "22" or "23" or "42";
}
