using System.Data;
using Hangfire.PostgreSql;
using Hangfire.Storage;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Where the slots of this node wait for tickets. Hangfire's own queue object, but one for all of them, so that it can be rung; and
/// patient: Hangfire's loop would wait longer after each error, up to five minutes, and leave slots idle long after the database is back.
/// </summary>
internal sealed class TicketQueue(PostgreSqlStorage storage, PostgreSqlStorageOptions options, Func<bool> mayTake)
    : IPersistentJobQueueProvider, IPersistentJobQueue
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly PostgreSqlJobQueue inner = new(storage);

    /// <summary>One waiting slot looks at the queue now.</summary>
    public void Wake() => inner.FetchNextJob();

    public IFetchedJob Dequeue(string[] queues, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!mayTake())
            {
                cancellationToken.WaitHandle.WaitOne(Pause);
                continue;
            }
            try
            {
                var ticket = inner.Dequeue(queues, cancellationToken);
                // The bell wakes one; there may be more tickets than this.
                Wake();
                return ticket;
            }
            catch (Exception problem) when (problem is not OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                cancellationToken.WaitHandle.WaitOne(Pause);
            }
        }
    }

    public void Enqueue(IDbConnection connection, string queue, string jobId) => inner.Enqueue(connection, queue, jobId);

    public IPersistentJobQueue GetJobQueue() => this;

    public IPersistentJobQueueMonitoringApi GetJobQueueMonitoringApi()
        => new Unlisted(new PostgreSqlJobQueueProvider(storage, options).GetJobQueueMonitoringApi());

    /// <summary>The default provider lists every queue of the table already; listed twice, the dashboard would count twice.</summary>
    private sealed class Unlisted(IPersistentJobQueueMonitoringApi whole) : IPersistentJobQueueMonitoringApi
    {
        public IEnumerable<string> GetQueues() => [];

        public IEnumerable<long> GetEnqueuedJobIds(string queue, int from, int perPage) => whole.GetEnqueuedJobIds(queue, from, perPage);

        public IEnumerable<long> GetFetchedJobIds(string queue, int from, int perPage) => whole.GetFetchedJobIds(queue, from, perPage);

        public EnqueuedAndFetchedCountDto GetEnqueuedAndFetchedCount(string queue) => whole.GetEnqueuedAndFetchedCount(queue);
    }
}
