using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Backups;
using ConvexWeb.Server.Http;
using Dapper;
using Hangfire;
using Hangfire.Common;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// What is done every hour or day, by one node for all: Hangfire makes one job of each due time, however many nodes look. Each job may be
/// run again at any time and does nothing that a later one would not do, so one that fails is not tried again before its next time. Full
/// names of class and methods are stored with the jobs: after a change of name <see cref="MaintenanceServer"/> stores the new one.
/// </summary>
[Queue(Queue)]
[AutomaticRetry(Attempts = 0, OnAttemptsExceeded = AttemptsExceededAction.Delete, LogEvents = false)]
internal sealed class Maintenance(
    NpgsqlDataSource database, AuditTrail trail, NightlyBackup backup, IOptions<Settings> settings, TimeProvider time,
    ILogger<Maintenance> log)
{
    /// <summary>Of Hangfire. It is no group of workers, so nothing of it is counted as a ticket.</summary>
    public const string Queue = Leasing.WorkerSettings.MaintenanceQueue;

    private const int RunsAtOnce = 50;
    private static readonly TimeSpan RevokedTokens = TimeSpan.FromDays(30);

    /// <summary>Each job with its name in the dashboard and its times (UTC), which are not all the same minute.</summary>
    public static IReadOnlyList<(string Id, string Cron, Job Job)> Schedule { get; } =
    [
        ("forget-sessions", Cron.Hourly(7), Job.FromExpression<Maintenance>(jobs => jobs.ForgetSessionsAsync(CancellationToken.None))),
        ("forget-links", Cron.Hourly(17), Job.FromExpression<Maintenance>(jobs => jobs.ForgetLinksAsync(CancellationToken.None))),
        ("forget-keys", Cron.Hourly(37), Job.FromExpression<Maintenance>(jobs => jobs.ForgetKeysAsync(CancellationToken.None))),
        ("forget-samples", Cron.Hourly(27), Job.FromExpression<Maintenance>(jobs => jobs.ForgetSamplesAsync(CancellationToken.None))),
        ("forget-tokens", Cron.Daily(3, 27), Job.FromExpression<Maintenance>(jobs => jobs.ForgetTokensAsync(CancellationToken.None))),
        ("cut-audit-trail", Cron.Daily(3, 47), Job.FromExpression<Maintenance>(jobs => jobs.CutAuditTrailAsync(CancellationToken.None))),
        ("back-up", Cron.Daily(2, 17), Job.FromExpression<Maintenance>(jobs => jobs.BackUpAsync(CancellationToken.None))),
        ("forget-logs", Cron.Daily(3, 37), Job.FromExpression<Maintenance>(jobs => jobs.ForgetLogsAsync(CancellationToken.None))),
    ];

    /// <summary>Sessions that have been unused or alive for too long. No request is let in by them any more.</summary>
    public async Task<string> ForgetSessionsAsync(CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        // They are empty. In the order in which those that count take them.
        await ExecuteAsync(
            """
            delete from password_tries where key in (
                select key from password_tries where at < @before order by key for update skip locked)
            """, new { before = now - TimeSpan.FromDays(1) }, cancel);
        var count = await ExecuteAsync(
            "delete from sessions where expires_at < @now or created_at < @oldest",
            new { now, oldest = now - Accounts.Sessions.Absolute }, cancel);
        return Done($"{count} sessions that were over are forgotten");
    }

    /// <summary>Invitations and links for a new password, once they are used or over.</summary>
    public async Task<string> ForgetLinksAsync(CancellationToken cancel)
    {
        var count = await ExecuteAsync(
            "delete from invites where used_at is not null or expires_at < @now", new { now = time.GetUtcNow() }, cancel);
        return Done($"{count} links that were used or over are forgotten");
    }

    /// <summary>Keys of requests that made something, after which no client sends the request again.</summary>
    public async Task<string> ForgetKeysAsync(CancellationToken cancel)
    {
        var count = await ExecuteAsync(
            "delete from idempotency_keys where at < @before", new { before = time.GetUtcNow() - IdempotencyKey.Kept }, cancel);
        return Done($"{count} idempotency keys older than a day are forgotten");
    }

    /// <summary>Figures of workers' devices.</summary>
    public async Task<string> ForgetSamplesAsync(CancellationToken cancel)
    {
        var count = await ExecuteAsync(
            "delete from worker_samples where at < @before", new { before = time.GetUtcNow() - Leasing.WorkerSamples.Kept }, cancel);
        return Done($"{count} samples of workers older than {Leasing.WorkerSamples.Kept.TotalDays:0} days are forgotten");
    }

    /// <summary>A revoked token is kept for a while, because somebody may ask what it was used for last.</summary>
    public async Task<string> ForgetTokensAsync(CancellationToken cancel)
    {
        var count = await ExecuteAsync(
            "delete from api_tokens where revoked_at < @before", new { before = time.GetUtcNow() - RevokedTokens }, cancel);
        return Done($"{count} tokens that were revoked {RevokedTokens.TotalDays:0} days ago are forgotten");
    }

    /// <summary>A backup into the folder of the settings, if they name one.</summary>
    public async Task<string> BackUpAsync(CancellationToken cancel)
    {
        try
        {
            return Done(await backup.WriteAsync(cancel));
        }
        catch (Exception problem) when (problem is not OperationCanceledException)
        {
            log.LogError("There is no backup of this night: {Problem}", problem.Message);
            throw;
        }
    }

    public async Task<string> CutAuditTrailAsync(CancellationToken cancel)
    {
        var days = settings.Value.Retention.AuditDays;
        var count = await trail.CutAsync(time.GetUtcNow() - TimeSpan.FromDays(days), cancel);
        return Done($"{count} entries of the audit trail older than {days} days are taken out");
    }

    /// <summary>Log lines of runs that ended long ago: some runs at a time, so that no transaction is long.</summary>
    public async Task<string> ForgetLogsAsync(CancellationToken cancel)
    {
        var days = settings.Value.Retention.LogDays;
        var before = time.GetUtcNow() - TimeSpan.FromDays(days);
        var count = 0;
        int some;
        do
        {
            some = await ExecuteAsync(
                """
                delete from log_lines where run_id in (
                    select i.run_id from work_items i
                    where i.kind = 'run' and i.state in ('Succeeded', 'Failed', 'Cancelled') and i.finished_at < @before
                      and exists (select from log_lines l where l.run_id = i.run_id)
                    limit @RunsAtOnce)
                """, new { before, RunsAtOnce }, cancel);
            count += some;
        }
        while (some > 0);
        return Done($"{count} log lines of runs that ended {days} days ago are forgotten");
    }

    private async Task<int> ExecuteAsync(string sql, object parameters, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.ExecuteAsync(new CommandDefinition(sql, parameters, cancellationToken: cancel));
    }

    // The same sentence for the log and, as the job's result, for the dashboard.
    private string Done(string result)
    {
        log.LogInformation("Maintenance: {Result}", result);
        return result;
    }
}
