extern alias Server;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Leasing;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;

namespace ConvexWeb.Tests.Support;

/// <summary>
/// The server in this process on a free loopback port (real Kestrel, so that a browser reaches it as well as a client does),
/// with a database and a data folder of its own. It takes the part of a web node, and its queue only writes down what it is told.
/// </summary>
public class ServerHost(PostgresCluster cluster) : WebApplicationFactory<Server::Program>, IAsyncLifetime
{
    public const string Password = "a quiet violet hill";

    private readonly TestFolder folder = new();
    private string connectionString = "";

    /// <summary>Where it listens, such as <c>http://127.0.0.1:40123/</c>.</summary>
    public Uri Address => ClientOptions.BaseAddress;

    public string DataFolder => folder.Path;
    public string ConnectionString => connectionString;
    public RecordingQueue Queue { get; } = new();
    public NpgsqlDataSource Database => Services.GetRequiredService<NpgsqlDataSource>();

    /// <summary>Settings on top of those of a test; set before the host is used.</summary>
    protected virtual IEnumerable<KeyValuePair<string, string>> Settings => [];

    /// <summary>Whether a commit waits for the disk, as in the product.</summary>
    protected virtual bool IsDurable => false;

    public async ValueTask InitializeAsync()
    {
        connectionString = await cluster.CreateDatabaseAsync(durable: IsDurable);
        UseKestrel(0);
        StartServer();
    }

    /// <summary>A client that sends no credentials and follows no redirect.</summary>
    public HttpClient Anonymous()
        => new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = Address };

    /// <summary>A client with an API token.</summary>
    public HttpClient WithToken(string secret)
    {
        var client = Anonymous();
        client.DefaultRequestHeaders.Authorization = new("Bearer", secret);
        return client;
    }

    /// <summary>A client of a new user, by token.</summary>
    public async Task<HttpClient> UserAsync(bool isAdmin = false) => WithToken(await TokenAsync(await AddUserAsync(isAdmin: isAdmin)));

    public async Task<User> AddUserAsync(string? name = null, bool isAdmin = false)
    {
        await using var scope = Services.CreateAsyncScope();
        var user = new User { Id = Guid.NewGuid(), UserName = name ?? $"u{Guid.NewGuid():N}"[..12], IsAdmin = isAdmin };
        var result = await scope.ServiceProvider.GetRequiredService<UserManager<User>>().CreateAsync(user, Password);
        Assert.True(result.Succeeded, result.ToString());
        return user;
    }

    public async Task<string> TokenAsync(User user, DateTimeOffset? expires = null, TokenScope may = TokenScope.Manage)
    {
        await using var scope = Services.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ConvexDb>();
        var secret = Secret.New(ApiToken.Prefix);
        database.ApiTokens.Add(new ApiToken
        {
            Id = Guid.NewGuid(),
            UserId = user.Id,
            Name = "test",
            SecretHash = Secret.Hash(secret),
            CreatedAt = DateTimeOffset.UtcNow,
            ExpiresAt = expires ?? DateTimeOffset.UtcNow.AddDays(30),
            Scope = may,
        });
        await database.SaveChangesAsync();
        return secret;
    }

    // Development, because static web assets of referenced projects are then served from where the build left them.
    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.UseEnvironment("Development");
        var settings = new Dictionary<string, string>
        {
            ["ConnectionStrings:Convex"] = connectionString,
            ["Convex:Role"] = "web",
            ["Convex:Data"] = folder.Path,
            ["Convex:Demo"] = "false",
            ["Convex:Limits:SignInsPerMinute"] = "10000",
            ["Convex:Limits:RequestsPerMinute"] = "100000",
            ["Convex:Limits:SubmissionsPerMinute"] = "10000",
            ["Logging:LogLevel:Default"] = "Warning",
        };
        foreach (var (key, value) in Settings) settings[key] = value;
        foreach (var (key, value) in settings) builder.UseSetting(key, value);
        builder.ConfigureTestServices(Configure);
    }

    protected virtual void Configure(IServiceCollection services) => services.Replace(ServiceDescriptor.Singleton<IWorkQueue>(Queue));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (connectionString.Length > 0) await cluster.DropDatabaseAsync(connectionString);
        folder.Dispose();
        GC.SuppressFinalize(this);
    }
}
