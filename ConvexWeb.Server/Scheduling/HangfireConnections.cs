using Hangfire.PostgreSql;
using Npgsql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Hangfire's connections come from our pool: only so are its tickets, our lock and our notification one transaction, and only so does it
/// have the server's time limits.
/// </summary>
internal sealed class HangfireConnections(NpgsqlDataSource database) : IConnectionFactory
{
    public NpgsqlConnection GetOrCreateConnection() => database.CreateConnection();
}
