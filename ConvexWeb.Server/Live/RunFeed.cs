using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;

namespace ConvexWeb.Server.Live;

/// <summary>The feed as a circuit has it: for as long as the session behind the circuit lives.</summary>
internal sealed class RunFeed(RowSubscribers subscribers, Caller caller) : IRunFeed
{
    public IDisposable Subscribe(IReadOnlyCollection<long>? ids, Func<RunNews, Task> take)
    {
        caller.RequireSignedIn();
        return subscribers.Add(ids, () => caller.IsSignedIn, take);
    }
}
