namespace ConvexWeb.Client.Contracts;

/// <summary>Knows what may fail behind the services that pages call, and says it to their user.</summary>
public interface IFailures
{
    /// <summary>One or two sentences: what is wrong, what is not lost by it, and what to do.</summary>
    string Sentence(Exception failure);
}
