using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Persistence;

/// <summary>What a NOTIFY said.</summary>
public sealed record Notice(string Channel, string Payload);

/// <summary>Listens to the database's notifications on a connection of its own, and begins again when that is lost.</summary>
public sealed class Listener(NpgsqlDataSource database, ServiceLoop loop)
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    /// <param name="begin">Called whenever the listening begins: what was said before was not heard.</param>
    public Task ListenAsync(
        string what, IReadOnlyList<string> channels, Func<NpgsqlConnection, CancellationToken, Task> begin,
        Func<Notice, CancellationToken, Task> take, CancellationToken stop)
        => loop.RunAsync(what, token => ListenAsync(channels, begin, take, token), stop);

    private async Task ListenAsync(
        IReadOnlyList<string> channels, Func<NpgsqlConnection, CancellationToken, Task> begin,
        Func<Notice, CancellationToken, Task> take, CancellationToken stop)
    {
        await using var connection = await database.OpenConnectionAsync(stop);
        var heard = new Queue<Notice>();
        connection.Notification += (_, notice) => heard.Enqueue(new(notice.Channel, notice.Payload));
        await ExecuteAsync(connection, string.Join("; ", channels.Select(channel => $"listen {channel}")), stop);
        await begin(connection, stop);
        while (true)
        {
            while (heard.TryDequeue(out var notice)) await take(notice, stop);

            // A connection that died without a word is found out by asking.
            if (!await connection.WaitAsync(Silence, stop)) await ExecuteAsync(connection, "select 1", stop);
        }
    }

    private static Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
        => connection.ExecuteAsync(new CommandDefinition(sql, cancellationToken: cancel));
}
