using System.ComponentModel;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Trainers;

namespace ConvexWeb.Server.Certificates;

/// <summary>
/// A certificate in the hands of this worker: the trainer's program makes it in a process of its own, as it does with trainings. It begins
/// anew whenever it is taken again; nothing of an earlier try is needed.
/// </summary>
internal sealed class CertificateExecution(
    CertificateClaims claims, RunFolders folders, TrainerCommand command, DatabaseRetry retry, WorkerSettings settings,
    TimeProvider time, ILogger<CertificateExecution> log)
{
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(1);

    private sealed record Outcome(string? Result, string? Error);

    /// <returns>How it ended, in a word or a sentence.</returns>
    public async Task<string> RunAsync(CertificateTask task, CancellationToken stop)
    {
        try
        {
            log.LogInformation("{Certificate}: begins", task.Name);
            var outcome = await MakeAsync(task, stop);
            var how = outcome is null ? "handed back" : outcome.Error ?? "made";
            log.LogInformation("{Certificate}: {Outcome}", task.Name, how);

            using var limit = GraceToken.After(settings.StopPatience, time, stop);
            if (outcome is null) await retry.RunAsync(task.Name, cancel => claims.HandBackAsync(task, cancel), limit.Token);
            else await retry.RunAsync(task.Name, cancel => claims.EndAsync(task, outcome.Result, outcome.Error, cancel), limit.Token);
            return how;
        }
        catch (OperationCanceledException)
        {
            // No database to tell: whoever gets it next begins anew.
            return "given up";
        }
    }

    // Ends the trainer when the certificate is no longer this worker's. A database that is away leaves it at work.
    private async Task<bool> WatchAsync(CertificateTask task, TrainerProcess trainer, CancellationToken done)
    {
        using var timer = new PeriodicTimer(Glance, time);
        while (!done.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(done);
                if (await claims.RenewAsync(task, done)) continue;
                trainer.Kill();
                return true;
            }
            catch (OperationCanceledException)
            {
                break;
            }
            catch (Exception problem) when (Outage.Is(problem))
            {
                log.LogDebug("{Certificate}: {Problem}", task.Name, problem.Message);
            }
        }
        return false;
    }

    /// <returns>Null when this worker is to stop.</returns>
    private async Task<Outcome?> MakeAsync(CertificateTask task, CancellationToken stop)
    {
        try
        {
            using var folder = await CertificateFolder.MakeAsync(folders, task, stop);
            if (folder.Sha256 != task.Sha256
                && !await retry.RunAsync(task.Name, cancel => claims.MadeOfAsync(task, folder.Step, folder.Sha256, cancel), stop))
            {
                return new(null, "The checkpoint was replaced by a newer one, of which there is a certificate already.");
            }
            return await RunTrainerAsync(task, folder, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return null;
        }
        catch (FileNotFoundException missing)
        {
            return new(null, missing.Message);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return new(null, Reasons.OfFolder(problem, folders.Certificate(task.Id, task.Claim)));
        }
        catch (Exception problem) when (problem is not OperationCanceledException)
        {
            // The edge: whatever it is, the certificate says so instead of going round for ever.
            log.LogError(problem, "{Certificate}", task.Name);
            return new(null, $"The worker could not make it: {problem.Message}");
        }
    }

    private async Task<Outcome?> RunTrainerAsync(CertificateTask task, CertificateFolder folder, CancellationToken stop)
    {
        string? answer = null;
        TrainerProcess started;
        try
        {
            var begin = command.ForCertificate(folder.Path, folder.Checkpoint, folder.Twin, task.Pairs);
            started = await TrainerProcess.StartAsync(begin, "", time, line => answer = line);
        }
        catch (Win32Exception problem)
        {
            return new(null, $"The trainer could not be started: {problem.Message}");
        }
        await using var trainer = started;
        using var limit = new CancellationTokenSource(settings.CertificateLimit, time);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var watch = WatchAsync(task, trainer, done.Token);
        await using var stopping = stop.Register(trainer.Kill);
        await using var ending = limit.Token.Register(trainer.Kill);
        await trainer.Exited;
        await done.CancelAsync();
        var lost = await watch;

        if (trainer.ExitCode == 0)
        {
            return CertificateResults.Read(answer) is null
                ? new(null, "The trainer's answer is no certificate.")
                : new(answer, null);
        }
        if (stop.IsCancellationRequested) return null;
        if (lost) return new(null, "It was cancelled.");
        if (limit.IsCancellationRequested)
        {
            var minutes = settings.CertificateLimit.TotalMinutes;
            return new(null, $"It was not done after {minutes:0.#} minutes and was ended. Ask again with fewer pairs.");
        }
        return new(null, trainer.ExitCode is 1 or 2 && trainer.Tail.Length > 0
            ? trainer.Tail
            : Reasons.OfExit(trainer.ExitCode, trainer.Tail, folder.Path));
    }
}
