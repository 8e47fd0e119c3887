namespace ConvexWeb.Server.Persistence;

/// <summary>What a transaction says of itself.</summary>
internal static class Transactions
{
    /// <summary>
    /// For one of several round trips that keeps what all nodes wait for: a node that freezes between them, or is cut off, loses it after
    /// two seconds, and begins again when it wakes. It has no effect outside a transaction.
    /// </summary>
    public const string Short = "set local idle_in_transaction_session_timeout = '2s'";
}
