using System.Security.Claims;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Backups;
using ConvexWeb.Server.Certificates;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Runs;
using ConvexWeb.Server.Scheduling;
using ConvexWeb.Server.Workers;
using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConvexWeb.Tests.Workers;

/// <summary>A node of the cluster in this process: queue and worker as the server has them, with a trainer of the test's.</summary>
public sealed class TrainingNode : IAsyncDisposable
{
    private readonly WebApplication app;

    private TrainingNode(WebApplication app) => this.app = app;

    public IServiceProvider Services => app.Services;
    public NpgsqlDataSource Database => Services.GetRequiredService<NpgsqlDataSource>();
    public IWorkQueue Queue => Services.GetRequiredService<IWorkQueue>();
    public ItemRequests Requests => new(Database, new(Database, TimeProvider.System));
    public RunActions Actions => new(Database, Requests, Queue);

    /// <summary>The one who has submitted the runs of tests.</summary>
    public static readonly Asker Owner = new("tester", IsAdmin: false, AuditActor.Server);

    public Task<ActionResult> CancelAsync(long run) => Actions.ActAsync(ItemAction.Cancel, run, Owner, default);

    /// <summary>Quick settings for tests, as configuration keys.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Quick(string connectionString, string folder) => new Dictionary<string, string>
    {
        ["ConnectionStrings:Convex"] = connectionString,
        ["Convex:Role"] = "worker",
        ["Convex:Data"] = folder,
        ["Convex:Url"] = "http://127.0.0.1:0",
        ["Convex:Worker:Name"] = "worker-1",
        ["Convex:Worker:Slots"] = "1",
        ["Convex:Worker:Lease"] = "00:00:02",
        ["Convex:Worker:RetryDelay"] = "00:00:00.05",
        ["Logging:LogLevel:Default"] = Environment.GetEnvironmentVariable("CONVEX_TEST_LOG") ?? "Error",
    };

    public static async Task<TrainingNode> StartAsync(string connectionString, string folder, params (string Key, string Value)[] settings)
    {
        var node = Build(connectionString, folder, settings);
        await node.app.StartAsync();
        return node;
    }

    /// <summary>One of which nothing goes on by itself: its parts are for the test to use.</summary>
    public static TrainingNode Build(string connectionString, string folder, params (string Key, string Value)[] settings)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(Quick(connectionString, folder)!);
        var trainer = FakeTrainer.Install(folder);
        builder.Configuration.AddInMemoryCollection(
            trainer.Select((part, place) => KeyValuePair.Create($"Convex:Worker:Trainer:{place}", (string?)part)));
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        var server = builder.AddSettings();
        var worker = builder.AddWorkerSettings();
        builder.Services.AddPersistence().AddAudit().AddBackups()
            .AddWorkers(server, worker).AddCertificates(server).AddScheduling(server, worker);
        return new(builder.Build());
    }

    /// <summary>Stores runs and announces them, as a submission does.</summary>
    public async Task<IReadOnlyList<long>> SubmitAsync(int count, string spec, Priority priority = Priority.Normal)
    {
        await using var connection = await Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var ids = new List<long>();
        for (var i = 0; i < count; i++) ids.Add(await connection.AddRunAsync(spec, priority));
        await connection.ExecuteAsync("select pg_notify('convex_runs', '')");
        await transaction.CommitAsync();
        await Queue.AnnounceAsync();
        return ids;
    }

    public async Task<long> SubmitAsync(string spec, Priority priority = Priority.Normal) => (await SubmitAsync(1, spec, priority))[0];

    /// <summary>Asks for a certificate with 50 pairs, as a signed-in person does.</summary>
    public Task<CertificateView?> RequestAsync(long run, long? twin = null) => Certificates.RequestAsync(run, new("last", 50, twin));

    /// <summary>Certificates in the hands of a signed-in person.</summary>
    public ICertificates Certificates
    {
        get
        {
            var caller = new Caller();
            caller.Use(new ClaimsPrincipal(new ClaimsIdentity([new System.Security.Claims.Claim(ClaimTypes.Name, "tester")], "test")));
            return new StoredCertificates(
                Database, Queue, new WaitingItems(Database), Requests, caller, new(), new(Database, TimeProvider.System),
                TimeProvider.System);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
    }
}
