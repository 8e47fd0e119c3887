using System.Net.Sockets;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Persistence;
using Npgsql;

namespace ConvexWeb.Server.Http;

/// <summary>What can be wrong with the database, as far as its users can do something about it.</summary>
public enum DatabaseFault
{
    None,
    DiskFull,
    Unreachable,
}

/// <summary>Tells faults of the database from errors of ours; API and pages ask the same.</summary>
public sealed class Failures : IFailures
{
    public static DatabaseFault Of(Exception failure) => Outage.Unwrap(failure) switch
    {
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } => DatabaseFault.DiskFull,
        // Its transaction was taken back, because we had stopped in the middle of it.
        PostgresException { SqlState: "25P03" } => DatabaseFault.Unreachable,
        NpgsqlException { IsTransient: true }
            or NpgsqlException { InnerException: IOException or TimeoutException or SocketException }
            or TimeoutException => DatabaseFault.Unreachable,
        _ => DatabaseFault.None,
    };

    public string Sentence(Exception failure) => Of(failure) switch
    {
        DatabaseFault.DiskFull => "The database's disk is full, so nothing can be stored. "
            + "Ask an administrator to make room; nothing that is stored is lost.",
        DatabaseFault.Unreachable => "The database does not answer. Trainings go on and keep their points; try again in a moment.",
        _ => "The server ran into an error, which is in its log. Try again, or ask an administrator to look there.",
    };
}
