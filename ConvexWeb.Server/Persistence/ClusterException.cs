namespace ConvexWeb.Server.Persistence;

/// <summary>The database cannot be used; the message says what to do about it.</summary>
public sealed class ClusterException(string message, Exception? inner = null) : Exception(message, inner);
