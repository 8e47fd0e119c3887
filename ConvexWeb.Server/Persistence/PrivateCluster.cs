using System.Text;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Persistence;

/// <summary>
/// A PostgreSQL of our own in a folder of ours. It listens on a Unix socket only, in a directory that is closed to other users, and lets in
/// (peer authentication) nobody but the user of this process. PostgreSQL refuses to run as root, so root runs it as another user.
/// </summary>
public sealed class PrivateCluster : IAsyncDisposable
{
    private const string Superuser = "postgres";
    private const string Owner = "convex";
    private const int LongestSocketPath = 107; // sun_path of Linux, less its final zero

    private readonly ClusterUser user;
    private readonly string folder;
    private FileStream? ownership;
    private readonly IReadOnlyDictionary<string, string> settings;
    private readonly IReadOnlyList<TunedSetting>? tuning;
    private PostgresBinaries binaries;

    private PrivateCluster(
        PostgresBinaries binaries, ClusterUser user, string folder, FileStream? ownership, IReadOnlyDictionary<string, string> settings,
        IReadOnlyList<TunedSetting>? tuning)
    {
        (this.binaries, this.user, this.folder, this.ownership) = (binaries, user, folder, ownership);
        (this.settings, this.tuning) = (settings, tuning);
        SocketFolder = SocketFolderOf(folder);
    }

    public string SocketFolder { get; }

    /// <summary>Whether this process is the one that stops the cluster.</summary>
    public bool Owned => ownership is not null;

    public string LogFile => Path.Combine(folder, "server.log");

    /// <summary>Why it runs with PostgreSQL's own settings, when it did not start with those of <see cref="ClusterTuning"/>.</summary>
    public string? UntunedBecause { get; private set; }

    private string Files => Path.Combine(folder, "cluster");
    private string HbaFile => Path.Combine(folder, "pg_hba.conf");
    private string IdentFile => Path.Combine(folder, "pg_ident.conf");

    /// <summary>Connection string of the database in the cluster that lives, or will live, in <paramref name="folder"/>.</summary>
    public static string ConnectionString(string folder, string database = Owner, string role = Owner) => new NpgsqlConnectionStringBuilder
    {
        Host = SocketFolderOf(folder),
        Username = role,
        Database = database,
        ApplicationName = "convexweb",
        MaxPoolSize = 50,
    }.ConnectionString;

    /// <summary>As <see cref="ConnectionString"/>, with the rights to create databases.</summary>
    public static string SuperuserConnectionString(string folder, string database = "postgres")
        => ConnectionString(folder, database, Superuser);

    /// <summary>
    /// Makes the cluster when there is none, starts it when it does not run, and uses it as it is when it runs: a server that was killed
    /// leaves it running. Whoever first holds the lock file owns the cluster and stops it at the end;
    /// the system frees the lock of a dead owner.
    /// </summary>
    public static Task<PrivateCluster> StartAsync(
        string folder, IReadOnlyDictionary<string, string>? settings = null, CancellationToken cancel = default)
        => StartAsync(folder, settings, tuning: null, cancel);

    /// <param name="tuning">In place of what <see cref="ClusterTuning"/> says of this machine. For tests.</param>
    internal static async Task<PrivateCluster> StartAsync(
        string folder, IReadOnlyDictionary<string, string>? settings, IReadOnlyList<TunedSetting>? tuning, CancellationToken cancel)
    {
        var files = Path.Combine(folder, "cluster");
        var version = Path.Combine(files, "PG_VERSION");
        var user = ClusterUser.For(files);
        user.MakeFolder(folder);
        user.MakeFolder(SocketFolderOf(folder));
        await user.CheckReachAsync(folder, cancel);
        var binaries = PostgresBinaries.Find(File.Exists(version) ? (await File.ReadAllTextAsync(version, cancel)).Trim() : null);
        var ownership = TryLock(Path.Combine(folder, "owner.lock"));
        var cluster = new PrivateCluster(binaries, user, folder, ownership, settings ?? new Dictionary<string, string>(), tuning);
        try
        {
            if (cluster.Owned) await cluster.StartOwnedAsync(cancel);
            await cluster.CreateDatabaseAsync(cancel);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Starts the cluster again if it is ours and has died: killed for memory, crashed, or stopped by somebody. One that another process
    /// had in its care is ours when that has gone: a command, which stops what it has started.
    /// </summary>
    /// <returns>Whether it had died.</returns>
    public async Task<bool> ReviveAsync(CancellationToken cancel)
    {
        ownership ??= TryLock(Path.Combine(folder, "owner.lock"));
        if (!Owned || IsAlive() || await IsRunningAsync(cancel)) return false;
        await StartOwnedAsync(cancel);
        return true;
    }

    /// <summary>Stops the cluster if it is ours; connections of other processes end.</summary>
    public async ValueTask DisposeAsync()
    {
        if (ownership is null) return;
        if (await IsRunningAsync(CancellationToken.None))
            await user.RunAsync(binaries["pg_ctl"], ["stop", "-D", Files, "-m", "fast", "-w", "-t", "60"], CancellationToken.None);
        if (Path.GetDirectoryName(SocketFolder) != Path.GetFullPath(folder) && Directory.Exists(SocketFolder))
            Directory.Delete(SocketFolder, recursive: true);
        await ownership.DisposeAsync();
    }

    /// <summary>As if this process were killed now: the lock goes, the cluster stays. For tests.</summary>
    internal async Task AbandonAsync()
    {
        if (ownership is not null) await ownership.DisposeAsync();
    }

    private async Task StartOwnedAsync(CancellationToken cancel)
    {
        user.MakeFolder(SocketFolder); // its owner before took it away
        user.Own(folder, Files);
        binaries = await binaries.ReachedByAsync(user, folder, cancel);
        if (!File.Exists(Path.Combine(Files, "PG_VERSION"))) await CreateAsync(cancel);
        if (await IsRunningAsync(cancel)) return;

        user.Write(HbaFile, "local all all peer map=owner\n");
        user.Write(IdentFile, $"owner \"{Environment.UserName}\" {Superuser}\nowner \"{Environment.UserName}\" {Owner}\n");

        var (code, output) = await StartProgramAsync(tuning ?? await TuningAsync(cancel), cancel);

        // The system may give less memory than it says, and programs of another version may not know a setting: slow is better than down.
        if (code != 0 && !await IsRunningAsync(cancel))
        {
            UntunedBecause = output.Trim();
            (code, output) = await StartProgramAsync([], cancel);
        }
        if (code != 0) throw new ClusterException($"The private database in {folder} did not start: {output.Trim()} Its log is {LogFile}.");
    }

    private async Task<IReadOnlyList<TunedSetting>> TuningAsync(CancellationToken cancel)
    {
        // The programs of npm are built without lz4, Debian's with it.
        string[] withLz4 = ["-D", Files, "-c", "wal_compression=lz4", "-C", "wal_compression"];
        var compresses = (await user.RunAsync(binaries["postgres"], withLz4, cancel)).Code == 0;
        return ClusterTuning.For(UsableMemory.Read(), Environment.ProcessorCount, compresses);
    }

    private async Task<(int Code, string Output)> StartProgramAsync(IReadOnlyList<TunedSetting> tuned, CancellationToken cancel)
    {
        var options = new Dictionary<string, string>
        {
            ["listen_addresses"] = "",
            ["unix_socket_directories"] = SocketFolder,
            ["unix_socket_permissions"] = user.SocketMode,
            ["hba_file"] = HbaFile,
            ["ident_file"] = IdentFile,
            ["max_connections"] = "200",
            ["log_line_prefix"] = "%m [%p] ",
        };
        foreach (var setting in tuned) options[setting.Name] = setting.Value;
        foreach (var (key, value) in settings) options[key] = value;
        var line = string.Join(' ', options.Select(option => "-c " + Quote($"{option.Key}={option.Value}")));
        return await user.RunAsync(
            binaries["pg_ctl"], ["start", "-D", Files, "-l", LogFile, "-w", "-t", "120", "-o", line], cancel);
    }

    private async Task CreateAsync(CancellationToken cancel)
    {
        // Made beside its place and renamed into it, so that a start that dies here leaves no half cluster behind.
        var half = Files + ".new";
        if (Directory.Exists(half)) Directory.Delete(half, recursive: true);
        var (code, output) = await user.RunAsync(binaries["initdb"],
            ["-D", half, "-U", Superuser, "--auth=peer", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"], cancel);
        if (code != 0) throw new ClusterException($"The private database in {folder} could not be made: {output.Trim()}");
        Directory.Move(half, Files);
    }

    private async Task CreateDatabaseAsync(CancellationToken cancel)
    {
        await using var source = NpgsqlDataSource.Create(SuperuserConnectionString(folder));
        await using var connection = await WaitAsync(source, cancel);

        // Two starts may meet here; the second waits, and then finds everything made.
        await ExecuteAsync("select pg_advisory_lock(1)");
        await ExecuteAsync(
            $"do $$ begin if not exists (select from pg_roles where rolname = '{Owner}') then create role {Owner} login; end if; end $$");
        var exists = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from pg_database where datname = @Owner)", new { Owner }, cancellationToken: cancel));
        if (!exists) await ExecuteAsync($"create database {Owner} owner {Owner}");

        Task ExecuteAsync(string sql) => connection.ExecuteAsync(new CommandDefinition(sql, cancellationToken: cancel));
    }

    // Only a process that found another owner ever waits: that one may still be starting the cluster.
    private async Task<NpgsqlConnection> WaitAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
        for (var tries = 0; ; tries++)
        {
            try
            {
                return await source.OpenConnectionAsync(cancel);
            }
            catch (NpgsqlException problem) when (tries < 240 && !Owned && problem.IsTransient)
            {
                await timer.WaitForNextTickAsync(cancel);
            }
            catch (NpgsqlException problem)
            {
                throw new ClusterException(
                    $"The private database in {folder} does not answer: {problem.Message} Its log is {LogFile}.", problem);
            }
        }
    }

    // Without a process of its own, since this is asked every few seconds.
    private bool IsAlive()
    {
        try
        {
            return int.TryParse(File.ReadLines(Path.Combine(Files, "postmaster.pid")).FirstOrDefault(), out var pid)
                && Directory.Exists($"/proc/{pid}");
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task<bool> IsRunningAsync(CancellationToken cancel) =>
        (await user.RunAsync(binaries["pg_ctl"], ["status", "-D", Files], cancel)).Code == 0;

    private static FileStream? TryLock(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return null; // another process holds it
        }
    }

    // A deep data folder would make the socket's path too long, and a comma separates folders for PostgreSQL and hosts for Npgsql: then a
    // short folder elsewhere, named by the path. Root's is where only root can make folders.
    private static string SocketFolderOf(string folder)
    {
        var inside = Path.Combine(Path.GetFullPath(folder), "socket");
        if (Encoding.UTF8.GetByteCount(inside + "/.s.PGSQL.5432") <= LongestSocketPath && !inside.Contains(',')) return inside;
        var hash = System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(folder)));
        var name = Convert.ToHexStringLower(hash)[..16];
        return $"{(Environment.UserName == "root" && Directory.Exists("/run") ? "/run" : "/tmp")}/convexweb-{Environment.UserName}-{name}";
    }

    // pg_ctl hands the options to a shell.
    private static string Quote(string text) => "'" + text.Replace("'", "'\\''", StringComparison.Ordinal) + "'";
}
