using ConvexWeb.Server.Scheduling;
using Quartz;

namespace ConvexWeb.Server.Workers;

/// <summary>What the queue fires for a run. Its full name is stored with every queued run: do not move or rename it.</summary>
public sealed class TrainRunJob(RunExecution execution) : IJob
{
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
    {
        // A run that was handed back is thrown, because a job that returns is done with and leaves the queue.
        if (await execution.RunAsync(RunTriggers.RunId(context), cancellationToken) == RunEnd.HandedBack)
            throw new OperationCanceledException(cancellationToken);
    }
}
