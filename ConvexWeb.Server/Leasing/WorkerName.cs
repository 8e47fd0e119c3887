using System.Text.Json;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Persistence;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Leasing;

/// <summary>
/// The worker's name, which one process has at a time: its row, its samples and its leases go by it, and so does draining. The row says
/// which process that is (<c>workers.instance</c>).
/// </summary>
public sealed class WorkerName(NpgsqlDataSource database, WorkerSettings settings, DatabaseRetry retry, TimeProvider time)
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(250);

    /// <param name="Place">Where the process id is meant (<see cref="Machine.Place"/>).</param>
    /// <param name="Started">Of the process; ids are used again.</param>
    /// <param name="Node">Tests have several nodes in one process.</param>
    private sealed record Holder(string Place, int Process, long Started, Guid Node);

    private sealed record Row(string Instance, string Host, DateTimeOffset LastSeen, bool IsAlive);

    /// <summary>This process, as the row has it.</summary>
    public string Instance { get; } = JsonSerializer.Serialize(new Holder(
        Machine.Place, Environment.ProcessId, ProcessStat.Of(Environment.ProcessId)?.Started ?? 0, Guid.NewGuid()));

    /// <summary>Why this worker may not have the name any more: it was silent for so long that another process has taken it.</summary>
    public string Taken => $"Another process has the worker's name {settings.Name} now. {Remedy}";

    private string Remedy => $"Give each worker a name of its own, such as --Convex:Worker:Name={settings.Name}-2, or stop the other one.";

    /// <summary>
    /// Before the worker starts. A worker that was killed and starts again where it ran has its name at once, since its old process is
    /// seen to have ended; elsewhere it waits until the old one has been silent for long enough.
    /// </summary>
    /// <exception cref="StartException">A worker of this name lives.</exception>
    public async Task TakeAsync(CancellationToken cancel = default)
    {
        DateTimeOffset? heard = null;
        while (!await TryTakeAsync(cancel))
        {
            if (await ReadAsync(cancel) is not { IsAlive: true } row) continue; // given up in this moment
            if (HasEnded(row.Instance))
            {
                await ReleaseAsync(row.Instance, cancel);
                continue;
            }
            if (row.LastSeen > heard)
                throw new StartException($"A worker named {settings.Name} is at work already, on {row.Host}. {Remedy}");
            heard ??= row.LastSeen;
            await Task.Delay(Glance, time, cancel);
        }
    }

    // Of two that start at the same moment, one gets it. The rest of the row is what the first heartbeat has to say.
    private async Task<bool> TryTakeAsync(CancellationToken cancel) => await AskAsync(
        connection => connection.ExecuteAsync(new(
            $"""
            insert into workers as w (name, host, instance, slots, queues, started_at, last_seen, refused)
            values (@Name, @host, @Instance, 0, '', now(), now(), 'It is starting.')
            on conflict (name) do update set host = excluded.host, instance = excluded.instance, last_seen = now()
            where w.instance is null or w.instance = excluded.instance or not ({OpenWorkers.IsAlive})
            """, new { settings.Name, host = Environment.MachineName, Instance }, cancellationToken: cancel)), cancel) > 0;

    private Task<Row?> ReadAsync(CancellationToken cancel) => AskAsync(
        connection => connection.QuerySingleOrDefaultAsync<Row?>(new(
            $"""
            select w.instance, w.host, w.last_seen, {OpenWorkers.IsAlive} as is_alive from workers w
            where w.name = @Name and w.instance is not null
            """, new { settings.Name }, cancellationToken: cancel)), cancel);

    private Task<int> ReleaseAsync(string instance, CancellationToken cancel) => AskAsync(
        connection => connection.ExecuteAsync(new(
            "update workers set instance = null where name = @Name and instance = @instance", new { settings.Name, instance },
            cancellationToken: cancel)), cancel);

    private Task<T> AskAsync<T>(Func<NpgsqlConnection, Task<T>> ask, CancellationToken cancel) => retry.RunAsync(
        "The worker's name",
        async token =>
        {
            await using var connection = await database.OpenConnectionAsync(token);
            return await ask(connection);
        },
        cancel);

    /// <summary>Whether the process ran where this one does, and is gone. Of other places that cannot be seen from here.</summary>
    private static bool HasEnded(string instance) => JsonSerializer.Deserialize<Holder>(instance) is { } holder
        && holder.Place == Machine.Place
        && !(ProcessStat.Of(holder.Process) is { Lives: true } process && process.Started == holder.Started);
}
