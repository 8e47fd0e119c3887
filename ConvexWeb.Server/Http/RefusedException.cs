namespace ConvexWeb.Server.Http;

/// <summary>A request that is refused with a status of its own, in a sentence.</summary>
public sealed class RefusedException(int status, string message) : Exception(message)
{
    public int Status { get; } = status;
}
