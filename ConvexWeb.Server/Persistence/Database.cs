using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Persistence;

/// <summary>
/// Has the database ready before anything else starts, starts a private one again when it dies, and takes
/// it down after everything else has stopped.
/// </summary>
public sealed class Database(
    IOptions<Settings> settings, IConfiguration configuration, IServiceProvider services, ServiceLoop loop, TimeProvider time,
    ILogger<Database> log) : IHostedLifecycleService, IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestSleep = TimeSpan.FromSeconds(10);

    // Seconds that a connection may take to open, unless the connection string says otherwise.
    private const int ConnectTimeout = 5;

    private readonly string? given = configuration.GetConnectionString("Convex");
    private readonly CancellationTokenSource stopping = new();
    private Task watch = Task.CompletedTask;
    private PrivateCluster? cluster;

    private string Folder => Path.Combine(settings.Value.DataFolder, "postgres");

    /// <summary>Where it is, for who reads a report: the folder of a private one, or host and name of another.</summary>
    public string Where
    {
        get
        {
            if (string.IsNullOrWhiteSpace(given)) return settings.Value.DataFolder;
            var address = new NpgsqlConnectionStringBuilder(given);
            return $"the database {address.Database} on {address.Host}";
        }
    }

    /// <summary>Whether a private one was made here before; another one is never made.</summary>
    public bool IsMade => !string.IsNullOrWhiteSpace(given) || Directory.Exists(Folder);

    /// <summary>Which database this is; known once it is prepared. It is no secret.</summary>
    public Guid Id { get; private set; }

    public string ConnectionString => string.IsNullOrWhiteSpace(given) ? PrivateCluster.ConnectionString(Folder) : given;

    public NpgsqlDataSource CreateSource() => CreateSource(Impatient);

    /// <summary>For what copies whole tables: it waits for as long as that takes.</summary>
    public NpgsqlDataSource CreatePatientSource() => CreateSource(address => new NpgsqlConnectionStringBuilder(Impatient(address))
    {
        CommandTimeout = 0,
    }.ConnectionString);

    private NpgsqlDataSource CreateSource(Func<string, string> form)
    {
        try
        {
            return NpgsqlDataSource.Create(form(ConnectionString));
        }
        catch (ArgumentException problem)
        {
            throw new StartException(
                $"ConnectionStrings:Convex cannot be read ({problem.Message}). "
                + "It looks like this: Host=db;Database=convex;Username=convex;Password=…", problem);
        }
    }

    // A network that is cut is noticed only by what is not answered. Npgsql's own times are too long for that: a node has leases to renew,
    // and half a minute to stop.
    //
    // A node that is frozen in the middle of a transaction (a paused machine, a stopped process) would hold its locks, those of
    // the queue among them, for as long as it sleeps. The database then takes the transaction back; the node finds a broken
    // connection when it wakes, and begins again.
    private static string Impatient(string connectionString)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString);
        if (!builder.ShouldSerialize("Timeout")) builder.Timeout = ConnectTimeout;
        if (!builder.ShouldSerialize("Keepalive")) builder.KeepAlive = 15; // rarer than the sleep below
        if (!builder.ShouldSerialize("Cancellation Timeout")) builder.CancellationTimeout = 500;
        builder.Options = $"{builder.Options} -c idle_in_transaction_session_timeout={LongestSleep.TotalMilliseconds:0}".Trim();
        return builder.ConnectionString;
    }

    /// <summary>Whether another process has the private database in its care.</summary>
    public bool IsAnothers => cluster is { Owned: false };

    /// <summary>The database answers, and holds the tables that this program knows.</summary>
    public Task PrepareAsync(CancellationToken cancel) => PrepareAsync(MigrateAsync, cancel);

    /// <param name="make">Makes the tables.</param>
    public async Task PrepareAsync(Func<NpgsqlDataSource, CancellationToken, Task> make, CancellationToken cancel)
    {
        if (string.IsNullOrWhiteSpace(given))
        {
            cluster = await StartClusterAsync(cancel);
            var ownership = cluster.Owned ? "stopped with this server" : "kept by another process";
            log.LogInformation("Private database in {Folder} ({Ownership})", Folder, ownership);
            if (cluster.UntunedBecause is { } problem)
                log.LogWarning("It did not start with settings for this machine, and runs slower without them: {Problem}", problem);
        }

        try
        {
            var source = services.GetRequiredService<NpgsqlDataSource>();
            await make(source, cancel);
            await using var connection = await source.OpenConnectionAsync(cancel);
            Id = await connection.ExecuteScalarAsync<Guid>(
                new CommandDefinition("select id from this_database", cancellationToken: cancel));
        }
        catch (PostgresException problem) when (IsOperators(problem))
        {
            throw new ClusterException($"The database of ConnectionStrings:Convex refuses: {problem.MessageText}.", problem);
        }
        catch (NpgsqlException problem) when (problem is not PostgresException)
        {
            throw new ClusterException($"The database of ConnectionStrings:Convex cannot be reached: {problem.Message}", problem);
        }
    }

    private async Task MigrateAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        if (!settings.Value.ServesWeb) await DatabaseVersion.CheckAsync(source, cancel);
        var applied = await new Migrator(source).ApplyAsync(cancel);
        if (applied > 0) log.LogInformation("Applied {Count} migrations", applied);
        if (settings.Value.ServesWeb) await DatabaseVersion.WriteAsync(source, cancel);
    }

    private async Task<PrivateCluster> StartClusterAsync(CancellationToken cancel)
    {
        try
        {
            return await PrivateCluster.StartAsync(Folder, cancel: cancel);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw DataFolderProblem(settings.Value, problem);
        }
    }

    internal static StartException DataFolderProblem(Settings settings, Exception problem) => new(
        $"The data folder {settings.DataFolder} cannot be used: {problem.Message} "
        + $"Let this user ({Environment.UserName}) write there, or name another folder in Convex:Data.", problem);

    // A wrong name or password, no such database, no right to make tables, too many connections, or a server that is starting or stopping.
    private static bool IsOperators(PostgresException problem)
        => problem.SqlState[..2] is "28" or "3D" or "53" or "57" || problem.SqlState == PostgresErrorCodes.InsufficientPrivilege;

    public Task StoppedAsync(CancellationToken cancellationToken) => DisposeAsync().AsTask();

    /// <summary>Also after a start that failed: then nothing was started that could be stopped.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await watch;
        if (Interlocked.Exchange(ref cluster, null) is { } running) await running.DisposeAsync();
    }

    private async Task WatchAsync(PrivateCluster own, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stop))
        {
            if (await own.ReviveAsync(stop))
                log.LogWarning("The private database had died and was started again; its log is {Log}", own.LogFile);
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (cluster is { } own)
            watch = loop.RunAsync("Watching the private database", stop => WatchAsync(own, stop), stopping.Token);
        return Task.CompletedTask;
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
