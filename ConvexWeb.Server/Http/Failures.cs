using ConvexWeb.Client.Contracts;
using Npgsql;

namespace ConvexWeb.Server.Http;

/// <summary>What can be wrong with the database, as far as its users can do something about it.</summary>
public enum Outage
{
    None,
    DiskFull,
    Unreachable,
}

/// <summary>Tells outages from errors of ours; API and pages ask the same.</summary>
public sealed class Failures : IFailures
{
    public static Outage Of(Exception failure) => failure switch
    {
        // Entity Framework wraps what it takes for an outage.
        InvalidOperationException { InnerException: NpgsqlException wrapped } => Of(wrapped),
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } => Outage.DiskFull,
        NpgsqlException { IsTransient: true }
            or NpgsqlException { InnerException: IOException or TimeoutException or System.Net.Sockets.SocketException }
            or TimeoutException => Outage.Unreachable,
        _ => Outage.None,
    };

    public string Sentence(Exception failure) => Of(failure) switch
    {
        Outage.DiskFull => "The database's disk is full, so nothing can be stored. "
            + "Ask an administrator to make room; nothing that is stored is lost.",
        Outage.Unreachable => "The database does not answer. Trainings go on and keep their points; try again in a moment.",
        _ => "The server ran into an error, which is in its log. Try again, or ask an administrator to look there.",
    };
}
