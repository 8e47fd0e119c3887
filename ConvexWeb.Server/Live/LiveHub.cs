using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Http;
using Dapper;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.SignalR;
using Npgsql;

namespace ConvexWeb.Server.Live;

/// <summary>
/// Where a run stands when the watching begins: points up to <paramref name="LastSeq"/> are fetched, later ones come by themselves.
/// </summary>
public sealed record WatchedRun(long Id, long LastSeq);

/// <summary>
/// Browsers call watch and unwatch, and are sent <c>points(PointBatch)</c> of the runs they watch. Rows reach pages in this process
/// (<see cref="RunFeed"/>).
/// </summary>
[Authorize(nameof(Access.Read))]
public sealed class LiveHub(
    WatchList watched, LiveFeed feed, OpenConnections connections, SessionWatch sessions, NpgsqlDataSource database) : Hub
{
    private const int MostRuns = 200;

    public async Task<IReadOnlyList<WatchedRun>> Watch(long[] runIds)
    {
        ArgumentNullException.ThrowIfNull(runIds);
        if (watched.CountOf(Context.ConnectionId) + runIds.Length > MostRuns)
            throw new HubException($"At most {MostRuns} runs can be watched at once.");

        // First the list, then where the run stands: a batch may come that the answer already covers, but none can be missed.
        watched.Add(Context.ConnectionId, runIds);

        await using var connection = await database.OpenConnectionAsync(Context.ConnectionAborted);
        var command = new CommandDefinition(
            "select id, last_seq from runs where id = any(@runIds)", new { runIds }, cancellationToken: Context.ConnectionAborted);
        var found = (await connection.QueryAsync<WatchedRun>(command)).AsList();
        foreach (var run in found) watched.Start(run.Id, run.LastSeq);
        feed.PointsChanged(runIds);
        return found;
    }

    public void Unwatch(long[] runIds)
    {
        ArgumentNullException.ThrowIfNull(runIds);
        watched.Remove(Context.ConnectionId, runIds);
    }

    public override Task OnConnectedAsync()
    {
        connections.Add(Context);
        Context.Items[typeof(SessionWatch)] = sessions.Watch(Context.User!, Context.Abort);
        return base.OnConnectedAsync();
    }

    public override Task OnDisconnectedAsync(Exception? exception)
    {
        connections.Remove(Context);
        (Context.Items[typeof(SessionWatch)] as IDisposable)?.Dispose();
        watched.Forget(Context.ConnectionId);
        return base.OnDisconnectedAsync(exception);
    }
}
