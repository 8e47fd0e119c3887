using ConvexWeb.Server.Workers;
using Quartz;

namespace ConvexWeb.Server.Certificates;

/// <summary>What the queue fires for a certificate. Its full name is stored with every one that waits: do not move or rename it.</summary>
internal sealed class CertifyJob(CertificateExecution execution) : IJob
{
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
    {
        // As with runs: one that was handed back is thrown, because a job that returns leaves the queue.
        if (await execution.RunAsync(CertificateQueue.IdOf(context), cancellationToken) == RunEnd.HandedBack)
            throw new OperationCanceledException(cancellationToken);
    }
}
