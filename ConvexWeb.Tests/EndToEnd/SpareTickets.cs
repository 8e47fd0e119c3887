using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Scheduling;
using ConvexWeb.Tests.Workers;
using Hangfire;
using Hangfire.Common;
using Hangfire.States;
using Npgsql;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>Tickets that are not needed: late, for items that are gone, and a second time, while the item runs.</summary>
internal static class SpareTickets
{
    /// <summary>Makes tickets for which there is nothing, with Hangfire as somebody else would use it.</summary>
    public static void Make(NpgsqlDataSource database, int count)
    {
        JobStorage storage = TicketStorage.Create(database, []);
        using var disposal = storage as IDisposable;
        var client = new BackgroundJobClient(storage);
        for (var i = 0; i < count; i++)
            client.Create(Job.FromExpression<WorkTicket>(ticket => ticket.UseAsync(null!)), new EnqueuedState("cpu"));
    }

    /// <summary>
    /// Gives the ticket by which an attempt began to the slots once more, as Hangfire does when it takes the worker for dead, and waits
    /// until a slot has used it.
    /// </summary>
    /// <returns>False: the attempt has ended, and its ticket is gone.</returns>
    public static async Task<bool> DeliverAgainAsync(NpgsqlDataSource database, long run, int attempt)
    {
        var job = await database.ScalarAsync<long?>(
            $"""
            with again as (
                update hangfire.jobqueue q set fetchedat = null from hangfire.jobparameter p
                where p.jobid = q.jobid and p.name = 'Item' and p.value = @item and q.fetchedat is not null returning q.jobid)
            select jobid, pg_notify('{TicketOffice.Wake}', '')::text from again
            """, new { item = $"\"{new Assignment(default, 0, WorkKind.Run, run, attempt).Name}\"" });
        if (job is null) return false;
        await database.UntilAsync(
            """
            select count(*) filter (where name = 'Processing') >= 2 and count(*) filter (where name = 'Succeeded') >= 1
            from hangfire.state where jobid = @job
            """, new { job });
        return true;
    }
}
