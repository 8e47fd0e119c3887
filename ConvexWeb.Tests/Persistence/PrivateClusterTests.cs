using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using Dapper;
using Npgsql;

namespace ConvexWeb.Tests.Persistence;

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

        using var postmaster = System.Diagnostics.Process.GetProcessById(int.Parse(File.ReadLines(Path.Combine(Folder, "cluster", "postmaster.pid")).First()));
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
    public void Missing_binaries_are_named_with_what_to_install()
    {
        var problem = Assert.Throws<ClusterException>(() => PostgresBinaries.Find("3"));

        Assert.Contains("postgresql-3", problem.Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private async Task ExecuteAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(PrivateCluster.ConnectionString(Folder) + ";Pooling=false");
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
