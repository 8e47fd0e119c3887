using System.ComponentModel;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Trainers;

namespace ConvexWeb.Server.Certificates;

/// <summary>
/// Makes a certificate: the trainer's program does it in a process of its own, as it does trainings. An attempt needs nothing of an
/// earlier one.
/// </summary>
internal sealed class CertificateMaking(
    CertificateTasks tasks, RunFolders folders, TrainerCommand command, DatabaseRetry retry, WorkerSettings settings, TimeProvider time)
    : IWorkExecution
{
    private static readonly TimeSpan RemovalPatience = TimeSpan.FromSeconds(3);

    public WorkKind Kind => WorkKind.Certificate;

    public async Task<AttemptEnd> ExecuteAsync(Assignment assignment, string device, AttemptSignals signals)
    {
        var (_, stop, fence) = signals;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop, fence);
        var task = await retry.RunAsync(assignment.Name, cancel => tasks.ReadAsync(assignment, cancel), over.Token);
        var guard = new FolderGuard(settings, time, signals);
        try
        {
            var folder = await guard.CallLongAsync(
                goesOn => CertificateFolder.Make(folders, assignment, task, goesOn), untilStop: true, late: Removed);
            try
            {
                if (folder.Sha256 != task.Sha256 && !await retry.RunAsync(
                        assignment.Name, cancel => tasks.MadeOfAsync(assignment, folder.Step, folder.Sha256, cancel), over.Token))
                {
                    return AttemptEnd.Failed(
                        "The checkpoint was replaced by a newer one, of which there is a certificate already.", "replaced");
                }
                return await RunTrainerAsync(assignment, task, folder, guard, signals);
            }
            finally
            {
                await RemoveAsync(folder);
            }
        }
        catch (FileNotFoundException missing)
        {
            return AttemptEnd.Failed(missing.Message, "missing");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return Reasons.OfFolder(problem, folders.Certificate(task.Id, assignment.Attempt));
        }
    }

    private static ValueTask Removed(CertificateFolder folder)
    {
        folder.Remove();
        return ValueTask.CompletedTask;
    }

    // The certificate is made or not, whether the drive answers now or later.
    private async Task RemoveAsync(CertificateFolder folder)
        => await Task.WhenAny(Task.Run(folder.Remove, CancellationToken.None), Task.Delay(RemovalPatience, time));

    private async Task<AttemptEnd> RunTrainerAsync(
        Assignment assignment, CertificateTask task, CertificateFolder folder, FolderGuard guard, AttemptSignals signals)
    {
        var (nodeStops, stop, fence) = signals;
        string? answer = null;
        TrainerProcess started;
        try
        {
            var begin = command.ForCertificate(folder.Checkpoint, folder.Twin, task.Pairs);
            started = await TrainerProcess.StartAsync(guard, begin, "", time, line => answer = line);
        }
        catch (Win32Exception problem)
        {
            return AttemptEnd.Failed($"The trainer could not be started: {problem.Message}", "trainer");
        }
        await using var trainer = started;
        using var limit = new CancellationTokenSource(settings.CertificateLimit, time);
        await using var stopping = stop.Register(trainer.Kill);
        await using var fencing = fence.Register(trainer.Kill);
        await using var ending = limit.Token.Register(trainer.Kill);
        await using var watch = HangWatch.Over(trainer, settings.HangLimit, time);
        await trainer.Exited;

        if (trainer.ExitCode == 0 && answer is not null)
        {
            if (CertificateResults.Read(answer) is null) return AttemptEnd.Failed("The trainer's answer is no certificate.", "trainer");
            using var patient = GraceToken.After(settings.StopPatience, time, nodeStops);
            using var until = CancellationTokenSource.CreateLinkedTokenSource(patient.Token, fence);
            return await retry.RunAsync(assignment.Name, cancel => tasks.StoreAsync(assignment, answer, cancel), until.Token)
                ? AttemptEnd.Succeeded
                : AttemptEnd.Lost;
        }
        if (fence.IsCancellationRequested) return AttemptEnd.Lost;
        if (stop.IsCancellationRequested) return AttemptEnd.Stopped;
        if (watch.Reason is { } hang) return AttemptEnd.Hung(hang);
        if (limit.IsCancellationRequested)
        {
            var minutes = settings.CertificateLimit.TotalMinutes;
            return AttemptEnd.Failed(
                $"It was not done after {minutes:0.#} minutes and was ended. Ask again with fewer pairs.", "too_long");
        }
        if (trainer.ExitCode is 0 or 1 or 2 && trainer.Tail.Length > 0) return AttemptEnd.Failed(trainer.Tail, "trainer");
        var reason = Reasons.OfExit(trainer.ExitCode, trainer.Tail, folder.Path, trainer.KilledForMemory);
        return trainer switch
        {
            { ExitCode: 0 or 1 or 2 } => AttemptEnd.Failed(reason, "trainer"),
            { KilledForMemory: true } => AttemptEnd.OutOfMemory(reason),
            _ => AttemptEnd.Died(reason),
        };
    }
}
