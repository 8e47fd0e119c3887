using System.Globalization;
using ConvexWeb.Server.Runs;
using ConvexWeb.Server.Workers;
using Npgsql;
using Quartz.Extensibility;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Wakes this node's scheduler when a run is queued, and stops a run here when somebody cancels it. Only for speed: without it the
/// scheduler looks every second, and a cancelled run is noticed when its lease is renewed.
/// </summary>
public sealed class QueueListener(NpgsqlDataSource database, ISchedulerSignaler scheduler, RunningRuns running, TimeProvider time, ILogger<QueueListener> log)
    : BackgroundService
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception problem) when (problem is NpgsqlException or IOException or TimeoutException or InvalidOperationException)
            {
                log.LogWarning("Listening for queued runs was interrupted: {Problem}", problem.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task ListenAsync(CancellationToken stop)
    {
        await using var connection = await database.OpenConnectionAsync(stop);
        var wake = false;
        connection.Notification += (_, notice) =>
        {
            if (notice.Channel == RunQueue.Wake) wake = true;
            else if (long.TryParse(notice.Payload, NumberStyles.None, CultureInfo.InvariantCulture, out var run)) running.Cancel(run);
        };
        await ExecuteAsync(connection, $"listen {RunQueue.Wake}; listen {RunChanges.Cancel}", stop);
        await scheduler.SignalSchedulingChange(null, stop); // whatever was queued while nobody listened
        while (true)
        {
            // A connection that died without a word is found out by asking.
            if (!await connection.WaitAsync(Silence, stop)) await ExecuteAsync(connection, "select 1", stop);
            if (!wake) continue;
            wake = false;
            await scheduler.SignalSchedulingChange(null, stop);
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
