using ConvexWeb.Server.Persistence;
using Hangfire;
using Hangfire.PostgreSql;
using Npgsql;

namespace ConvexWeb.Server.Scheduling;

/// <summary>
/// Hangfire's storage with the options that make it robust; each default that was changed is one that loses or doubles work.
/// </summary>
internal static class TicketStorage
{
    /// <param name="mayTake">Whether slots of this node fetch tickets now; null: always.</param>
    public static PostgreSqlStorage Create(NpgsqlDataSource database, IEnumerable<string> queues, Func<bool>? mayTake = null)
    {
        // Of the whole process, and the same for every node in it.
        GlobalConfiguration.Configuration.SetDataCompatibilityLevel(CompatibilityLevel.Version_180).UseSimpleAssemblyNameTypeSerializer()
            .UseRecommendedSerializerSettings().UseNoOpLogProvider();
        var options = new PostgreSqlStorageOptions
        {
            SchemaName = Migrator.TicketSchema,
            PrepareSchemaIfNecessary = false, // the Migrator does it, under its lock
            EnableTransactionScopeEnlistment = true,
            UseNativeDatabaseTransactions = true,

            // A connection for each idle slot, all woken by each ticket: QueueListener rings instead, on one.
            EnableLongPolling = false,

            // Only for a bell that was not heard.
            QueuePollInterval = TimeSpan.FromSeconds(5),

            // Of a ticket, not of a run: without sliding, a training that outlasts it would be delivered again while it goes on.
            UseSlidingInvisibilityTimeout = true,
            InvisibilityTimeout = TimeSpan.FromSeconds(30),

            // So long may the lock of a worker that was killed in a change of state hold up one slot.
            DistributedLockTimeout = TimeSpan.FromSeconds(30),
            JobExpirationCheckInterval = TimeSpan.FromMinutes(15),
        };
        var storage = new PostgreSqlStorage(new HangfireConnections(database), options);
        storage.QueueProviders.Add(new TicketQueue(storage, options, mayTake ?? (() => true)), queues);
        return storage;
    }

    /// <summary>Of the queues of this node, the one object that slots wait at.</summary>
    public static TicketQueue QueueOf(PostgreSqlStorage storage) => storage.QueueProviders.OfType<TicketQueue>().Single();
}
