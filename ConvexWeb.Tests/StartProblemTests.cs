using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests;

/// <summary>What an operator reads when the server cannot start: one sentence that says what to do, and no stack trace.</summary>
[Trait("kind", "database")]
public sealed class StartProblemTests(PostgresCluster cluster) : IAsyncLifetime
{
    private readonly TestFolder folder = new();
    private string connectionString = "";

    public async ValueTask InitializeAsync() => connectionString = await cluster.CreateDatabaseAsync();

    [Fact]
    public async Task A_connection_string_that_is_none() =>
        Assert.Contains(
            "ConnectionStrings:Convex cannot be read",
            await StartAsync(("ConnectionStrings:Convex", "Hst=db;Database=convex")), StringComparison.Ordinal);

    [Fact]
    public async Task A_user_whom_the_database_does_not_let_in() =>
        Assert.Contains(
            "mallory",
            await StartAsync(("ConnectionStrings:Convex", PrivateCluster.ConnectionString(cluster.Folder, "convex", "mallory"))),
            StringComparison.Ordinal);

    [Fact]
    public async Task A_database_that_is_not_there() =>
        Assert.Contains(
            "\"elsewhere\" does not exist",
            await StartAsync(("ConnectionStrings:Convex", PrivateCluster.ConnectionString(cluster.Folder, "elsewhere"))),
            StringComparison.Ordinal);

    [Fact]
    public async Task An_address_that_is_taken()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();

        Assert.Contains("Convex:Url", await StartAsync(("Convex:Url", $"http://{socket.LocalEndpoint}")), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("kind", "slow")]
    public async Task A_workers_name_that_another_worker_has()
    {
        await using var node = await TrainingNode.StartAsync(connectionString, folder.Path, ("Convex:Worker:Name", "taken"));
        await node.Database.UntilAsync("select exists (select from workers)");

        var said = await StartAsync(("Convex:Role", "worker"), ("Convex:Worker:Name", "taken"));

        Assert.Contains($"A worker named taken is at work already, on {Environment.MachineName}.", said, StringComparison.Ordinal);
        Assert.Contains("such as --Convex:Worker:Name=taken-2, or stop the other one.", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_data_folder_that_cannot_be_one(bool privateDatabase)
    {
        var file = Path.Combine(folder.Path, "file");
        await File.WriteAllTextAsync(file, "");

        var said = await StartAsync(
            ("Convex:Data", Path.Combine(file, "data")), ("ConnectionStrings:Convex", privateDatabase ? "" : connectionString));
        Assert.Contains("Convex:Data", said, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        await cluster.DropDatabaseAsync(connectionString);
        folder.Dispose();
    }

    private async Task<string> StartAsync(params (string Key, string Value)[] settings)
    {
        var start = new ProcessStartInfo("dotnet", Path.Combine(AppContext.BaseDirectory, "ConvexWeb.Server.dll"))
        {
            WorkingDirectory = AppContext.BaseDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        (string, string)[] usual =
        [
            ("ConnectionStrings:Convex", connectionString), ("Convex:Data", folder.Path),
            ("Convex:Url", "http://127.0.0.1:0"), ("Convex:Demo", "false"),
        ];
        foreach (var (key, value) in usual.Concat(settings)) start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;

        using var process = Process.Start(start)!;
        try
        {
            var log = process.StandardOutput.ReadToEndAsync();
            var errors = await process.StandardError.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60));
            await process.WaitForExitAsync();
            Assert.Equal(1, process.ExitCode);
            Assert.StartsWith("ConvexWeb cannot start", errors, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", errors + await log, StringComparison.Ordinal);
            return errors;
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
