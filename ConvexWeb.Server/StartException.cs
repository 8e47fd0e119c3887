namespace ConvexWeb.Server;

/// <summary>The server cannot start, and the operator can mend it; the message says how.</summary>
public sealed class StartException(string message, Exception? inner = null) : Exception(message, inner);
