using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>
/// Notifications between nodes, by the database: they are delivered when, and only when, the transaction that they belong to commits.
/// </summary>
public static class RunChanges
{
    /// <summary>A run's row has changed: its state, its progress. Payload: the run's id.</summary>
    public const string Rows = "convex_runs";

    /// <summary>New points of a run. Payload: the run's id.</summary>
    public const string Points = "convex_points";

    /// <summary>A running item is to stop. Payload: the item's id.</summary>
    public const string Wishes = "convex_wishes";

    public static async Task NotifyAsync(
        NpgsqlConnection connection, IReadOnlyList<long> runIds, CancellationToken cancel, string channel = Rows)
    {
        await connection.ExecuteAsync(new(
            "select pg_notify(@channel, id::text) from unnest(@ids) as id", new { channel, ids = runIds.ToArray() },
            cancellationToken: cancel));
    }
}
