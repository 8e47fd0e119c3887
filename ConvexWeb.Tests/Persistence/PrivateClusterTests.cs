using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using Dapper;
using Npgsql;

namespace ConvexWeb.Tests.Persistence;

[Trait("kind", "database")]
public sealed class PrivateClusterTests : IDisposable
{
    private static readonly Dictionary<string, string> Fast = new() { ["fsync"] = "off" };
    private readonly TestFolder folder = new();

    private string Folder => Path.Combine(folder.Path, "pg");

    [Fact]
    public async Task It_keeps_its_data_from_start_to_start()
    {
        await using (await PrivateCluster.StartAsync(Folder, Fast)) await ExecuteAsync("create table kept (x int)");
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => ExecuteAsync("select 1"));

        await using var again = await PrivateCluster.StartAsync(Folder, Fast);
        await ExecuteAsync("select * from kept");
    }

    [Fact]
    public async Task A_second_start_uses_the_running_one_and_leaves_it_running()
    {
        await using var owner = await PrivateCluster.StartAsync(Folder, Fast);
        await using (var guest = await PrivateCluster.StartAsync(Folder, Fast))
        {
            Assert.True(owner.Owned);
            Assert.False(guest.Owned);
        }
        await ExecuteAsync("select 1");
    }

    [Fact]
    public async Task One_that_a_killed_server_left_running_is_taken_over_and_stopped_at_the_end()
    {
        var killed = await PrivateCluster.StartAsync(Folder, Fast);
        await killed.AbandonAsync();
        await ExecuteAsync("select 1");

        await using (var next = await PrivateCluster.StartAsync(Folder, Fast))
        {
            Assert.True(next.Owned);
            await ExecuteAsync("select 1");
        }
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => ExecuteAsync("select 1"));
    }

    [Fact]
    public async Task One_that_is_killed_is_started_again_with_its_data()
    {
        await using var cluster = await PrivateCluster.StartAsync(Folder, Fast);
        await ExecuteAsync("create table kept (x int)");
        Assert.False(await cluster.ReviveAsync(default));

        var pid = int.Parse(File.ReadLines(Path.Combine(Folder, "cluster", "postmaster.pid")).First());
        using var postmaster = System.Diagnostics.Process.GetProcessById(pid);
        postmaster.Kill();
        await postmaster.WaitForExitAsync();
        var revived = false;
        for (var tries = 0; tries < 60 && !revived; tries++)
        {
            try
            {
                revived = await cluster.ReviveAsync(default);
            }
            catch (ClusterException)
            {
                await Task.Delay(500); // its children are still going
            }
        }

        Assert.True(revived);
        await ExecuteAsync("select * from kept");
    }

    [Fact]
    public async Task Only_its_user_may_reach_the_socket_and_no_port_is_open()
    {
        if (OperatingSystem.IsWindows()) return;
        await using var cluster = await PrivateCluster.StartAsync(Folder, Fast);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(cluster.SocketFolder));
        await using var source = NpgsqlDataSource.Create(PrivateCluster.ConnectionString(Folder));
        await using var connection = await source.OpenConnectionAsync();
        Assert.Equal("", await connection.ExecuteScalarAsync<string>("show listen_addresses"));
        Assert.False(await connection.ExecuteScalarAsync<bool>("select rolsuper from pg_roles where rolname = current_user"));
    }

    [Fact]
    public async Task A_folder_too_deep_for_a_socket_gets_a_short_one_elsewhere()
    {
        var deep = Path.Combine(folder.Path, new string('d', 120), "pg");
        await using var cluster = await PrivateCluster.StartAsync(deep, Fast);

        Assert.True(cluster.SocketFolder.Length < 90);
        await using var source = NpgsqlDataSource.Create(PrivateCluster.ConnectionString(deep));
        await using var connection = await source.OpenConnectionAsync();
    }

    [Fact]
    public async Task A_path_with_spaces_a_quote_and_a_comma_is_a_path_like_any_other()
    {
        var spaced = Path.Combine(folder.Path, "Ada's data, 2", "pg 1");
        await using (await PrivateCluster.StartAsync(spaced, Fast)) { }
        await using var again = await PrivateCluster.StartAsync(spaced, Fast);
    }

    [Fact]
    public async Task Two_folders_are_two_databases()
    {
        var other = Path.Combine(folder.Path, "other");
        await using var first = await PrivateCluster.StartAsync(Folder, Fast);
        await using var second = await PrivateCluster.StartAsync(other, Fast);
        await ExecuteAsync("create table mine (x int)");

        Assert.True(second.Owned);
        await using var source = NpgsqlDataSource.Create(PrivateCluster.ConnectionString(other) + ";Pooling=false");
        await using var connection = await source.OpenConnectionAsync();
        Assert.False(await connection.ExecuteScalarAsync<bool>("select exists (select from pg_tables where tablename = 'mine')"));
    }

    [Fact]
    public async Task The_environment_of_the_server_does_not_reach_PostgreSQL()
    {
        Environment.SetEnvironmentVariable("PGPORT", "5499");
        try
        {
            await using var cluster = await PrivateCluster.StartAsync(Folder, Fast);
        }
        finally
        {
            Environment.SetEnvironmentVariable("PGPORT", null);
        }
    }

    [Fact]
    public async Task A_folder_of_a_version_that_is_not_there_is_refused_with_what_to_do()
    {
        Directory.CreateDirectory(Path.Combine(Folder, "cluster"));
        await File.WriteAllTextAsync(Path.Combine(Folder, "cluster", "PG_VERSION"), "9\n");

        var problem = await Assert.ThrowsAsync<ClusterException>(() => PrivateCluster.StartAsync(Folder, Fast));

        Assert.Contains("made by PostgreSQL 9", problem.Message, StringComparison.Ordinal);
        Assert.Contains("postgresql-9", problem.Message, StringComparison.Ordinal);
        Assert.Contains("Convex:Data", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_of_a_user_of_another_machine_are_taken_over()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root may change the owner of files.");
        await using (await PrivateCluster.StartAsync(Folder, Fast)) await ExecuteAsync("create table kept (x int)");
        using var chown = System.Diagnostics.Process.Start("chown", ["--recursive", "54321:54321", Folder]);
        await chown.WaitForExitAsync();

        await using var cluster = await PrivateCluster.StartAsync(Folder, Fast);
        await ExecuteAsync("select * from kept");
    }

    public void Dispose() => folder.Dispose();

    private async Task ExecuteAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(PrivateCluster.ConnectionString(Folder) + ";Pooling=false");
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
