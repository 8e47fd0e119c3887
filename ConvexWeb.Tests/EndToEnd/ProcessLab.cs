using System.Globalization;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;
using Npgsql;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// A lab as it is delivered, in processes of its own: PostgreSQL with the product's settings, which waits for the disk, and web nodes and
/// workers with the settings of the README. Its users come by SQL, with a token each, so that no browser is needed.
/// </summary>
public sealed class ProcessLab : IAsyncDisposable
{
    private readonly TestFolder folder = new();
    private readonly List<IAsyncDisposable> nodes = [];
    private IReadOnlyList<IDisposable> places = [];

    private ProcessLab()
    {
    }

    /// <summary>A web node that answers, and where.</summary>
    public sealed record WebNode(ServerProcess Process, Uri Address)
    {
        public HttpClient Client(string secret)
        {
            var client = new HttpClient { BaseAddress = Address };
            client.DefaultRequestHeaders.Authorization = new("Bearer", secret);
            return client;
        }
    }

    public string DataFolder => Path.Combine(folder.Path, "data");
    public CrashingPostgres Postgres { get; private set; } = null!;
    public string ConnectionString => Postgres.ConnectionString;
    public NpgsqlDataSource Database => Postgres.Database;

    /// <param name="prepare">
    /// Makes what the places of data folder and database are to be, before anything is in them; it is disposed of when all has stopped.
    /// </param>
    public static async Task<ProcessLab> StartAsync(Func<string, string, IReadOnlyList<IDisposable>>? prepare = null)
    {
        var lab = new ProcessLab();
        var database = Path.Combine(lab.folder.Path, "pg");
        Directory.CreateDirectory(lab.DataFolder);
        lab.places = prepare?.Invoke(lab.DataFolder, database) ?? [];
        lab.Postgres = await CrashingPostgres.StartAsync(database);
        return lab;
    }

    /// <summary>A web node without the limits per minute, which no bench measures.</summary>
    /// <param name="place">Where it listens; null: anywhere.</param>
    /// <param name="connectionString">By which it reaches the database; null: directly.</param>
    public async Task<WebNode> StartWebAsync(
        Uri? place = null, string? connectionString = null, params IEnumerable<(string Key, string Value)> settings)
    {
        var address = place ?? ServerProcess.FreeAddress();
        var web = Keep(ServerProcess.Start(
            DataFolder, address,
            [
                ("Convex:Role", "web"), ("ConnectionStrings:Convex", connectionString ?? ConnectionString),
                ("Convex:Limits:SubmissionsPerMinute", "100000"), ("Convex:Limits:RequestsPerMinute", "1000000"), .. settings,
            ]));
        return new(await web.ReadyAsync(), address);
    }

    /// <param name="connectionString">By which the worker reaches the database; null: directly.</param>
    public async Task<ServerProcess> StartWorkerAsync(
        string name, int slots, string? connectionString = null, params IEnumerable<(string Key, string Value)> settings)
    {
        var worker = Keep(ServerProcess.Start(
            DataFolder, ServerProcess.FreeAddress(),
            [
                ("Convex:Role", "worker"), ("ConnectionStrings:Convex", connectionString ?? ConnectionString),
                ("Convex:Worker:Name", name), ("Convex:Worker:Slots", $"{slots}"), ("Convex:Worker:Threads", "1"), .. settings,
            ]));
        return await worker.ReadyAsync();
    }

    /// <summary>A new user's token.</summary>
    public async Task<string> AddUserAsync(string name, bool isAdmin = false)
    {
        var secret = Secret.New(ApiToken.Prefix);
        await using var connection = await Database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            insert into users (id, user_name, normalized_user_name, is_admin) values (@id, @name, upper(@name), @isAdmin);
            insert into api_tokens (id, user_id, name, scope, secret_hash, created_at, expires_at)
            values (@id, @id, 'bench', 'Manage', @hash, now(), now() + interval '30 days')
            """, new { id = Guid.NewGuid(), name, isAdmin, hash = Secret.Hash(secret) });
        return secret;
    }

    /// <summary>How many share the machine's cores at this moment, for the figures' sake.</summary>
    public static string Load => string.Create(
        CultureInfo.InvariantCulture,
        $"load average {File.ReadAllText("/proc/loadavg").Split(' ')[0]}, {Environment.ProcessorCount} cores");

    public static void Say(string line) => Xunit.TestContext.Current.TestOutputHelper?.WriteLine(line);

    /// <summary>Says a line of figures in milliseconds.</summary>
    /// <returns>The 95th percentile.</returns>
    public static double Report(string what, IEnumerable<double> times)
    {
        var sorted = times.Order().ToList();
        Say($"{what}: {sorted.Count:N0} times, p50 {At(0.5):0} ms, p95 {At(0.95):0} ms, max {sorted[^1]:0} ms");
        return At(0.95);

        double At(double share) => sorted[(int)(share * (sorted.Count - 1))];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Enumerable.Reverse(nodes)) await node.DisposeAsync();
        await Postgres.DisposeAsync();
        foreach (var place in places) place.Dispose();
        folder.Dispose();
    }

    private ServerProcess Keep(ServerProcess process)
    {
        nodes.Add(process);
        return process;
    }
}
