using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using Dapper;
using Npgsql;

namespace ConvexWeb.Tests.Persistence;

public sealed class ClusterTuningTests : IDisposable
{
    private readonly TestFolder folder = new();

    private string Cluster => Path.Combine(folder.Path, "pg");

    [Theory]
    [InlineData(0.25, "64MB", "128MB", "2MB", "16MB", "256MB")]
    [InlineData(0.5, "128MB", "256MB", "2MB", "16MB", "256MB")]
    [InlineData(4, "1024MB", "2048MB", "8MB", "64MB", "512MB")]
    [InlineData(24, "2048MB", "12288MB", "32MB", "256MB", "2048MB")]
    public void Sizes_follow_the_memory_between_bounds(
        double gigabytes, string sharedBuffers, string cache, string work, string maintenance, string wal)
    {
        var settings = ClusterTuning.For((long)(gigabytes * (1 << 30)), cores: 2, compressesWithLz4: false)
            .ToDictionary(setting => setting.Name, setting => setting.Value);

        Assert.Equal(
            (sharedBuffers, cache, work, maintenance, wal),
            (settings["shared_buffers"], settings["effective_cache_size"], settings["work_mem"], settings["maintenance_work_mem"],
                settings["max_wal_size"]));
        Assert.Equal("off", settings["wal_compression"]);
    }

    [Theory]
    [InlineData(1, "0")]
    [InlineData(4, "1")]
    [InlineData(64, "2")]
    public void Few_cores_are_for_single_statements(int cores, string workers) => Assert.Equal(
        workers, ClusterTuning.For(1 << 30, cores, true).Single(setting => setting.Name == "max_parallel_workers_per_gather").Value);

    [Fact]
    public void Nothing_that_is_committed_may_be_lost_and_each_setting_says_why()
    {
        var settings = ClusterTuning.For(1 << 30, 2, compressesWithLz4: true);

        Assert.Equal(
            ["on", "on", "on"],
            settings.Where(setting => setting.Name is "fsync" or "full_page_writes" or "synchronous_commit").Select(s => s.Value));
        Assert.Equal("lz4", settings.Single(setting => setting.Name == "wal_compression").Value);
        Assert.All(settings, setting => Assert.NotEmpty(setting.Why));
        Assert.Equal(settings.Count, settings.Select(setting => setting.Name).Distinct().Count());
    }

    [Theory]
    [InlineData(null, null, null, 16L << 30)]
    [InlineData("0::/", "sys/fs/cgroup/memory.max", "536870912", 512L << 20)]
    [InlineData("0::/", "sys/fs/cgroup/memory.max", "max", 16L << 30)]
    [InlineData("0::/a/b", "sys/fs/cgroup/a/memory.max", "536870912", 512L << 20)]
    [InlineData("0::/a/b", "sys/fs/cgroup/a/b/memory.max", "536870912", 512L << 20)]
    [InlineData("0::/a/b", "sys/fs/cgroup/memory.max", "99999999999999", 16L << 30)]
    [InlineData("0::/a/b", "sys/fs/cgroup/other/memory.max", "536870912", 16L << 30)]
    [InlineData("4:memory:/docker/x", "sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912", 512L << 20)]
    [InlineData("4:memory:/docker/x", "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712", 16L << 30)]
    public void The_memory_is_that_of_the_machine_or_of_the_group_around_this_process(
        string? group, string? file, string? limit, long expected)
    {
        Write("proc/meminfo", "MemTotal:       16777216 kB\nMemFree:        1 kB\n");
        if (group is not null) Write("proc/self/cgroup", $"9:name=systemd:/\n{group}\n");
        if (file is not null) Write(file, limit + "\n");

        Assert.Equal(expected, UsableMemory.Read(folder.Path));
    }

    [Fact]
    public void A_system_that_says_nothing_is_taken_for_a_small_one() => Assert.Equal(1L << 30, UsableMemory.Read(folder.Path));

    [Fact]
    [Trait("kind", "database")]
    public async Task A_cluster_runs_with_them_also_one_that_was_made_without()
    {
        var untuned = ClusterTuning.For(UsableMemory.Read(), Environment.ProcessorCount, false)
            .ToDictionary(setting => setting.Name, setting => setting.Name == "shared_buffers" ? "64MB" : setting.Value);
        await using (await PrivateCluster.StartAsync(Cluster, untuned)) Assert.Equal("64MB", await ShowAsync("shared_buffers"));

        await using var cluster = await PrivateCluster.StartAsync(Cluster);

        Assert.Null(cluster.UntunedBecause);
        foreach (var setting in ClusterTuning.For(UsableMemory.Read(), Environment.ProcessorCount, compressesWithLz4: false))
        {
            if (setting.Name == "wal_compression") continue; // which binaries these are decides
            var shown = await ShowAsync(setting.Name);
            Assert.True(Same(setting.Value, shown), $"{setting.Name} is {shown}, not {setting.Value}");
        }
    }

    [Fact]
    [Trait("kind", "database")]
    public async Task A_cluster_that_does_not_start_with_them_starts_without()
    {
        await using var cluster = await PrivateCluster.StartAsync(
            Cluster, settings: null, [new("shared_buffers", "8000GB", "more than any machine has")], CancellationToken.None);

        Assert.Contains("could not start server", cluster.UntunedBecause, StringComparison.Ordinal);
        Assert.Equal("128MB", await ShowAsync("shared_buffers"));
    }

    public void Dispose() => folder.Dispose();

    private async Task<string> ShowAsync(string setting)
    {
        await using var source = NpgsqlDataSource.Create(PrivateCluster.ConnectionString(Cluster) + ";Pooling=false");
        await using var connection = await source.OpenConnectionAsync();
        return (await connection.ExecuteScalarAsync<string>($"show {setting}"))!;
    }

    // PostgreSQL shows 2048MB as 2GB.
    private static bool Same(string wanted, string shown) => wanted == shown
        || wanted.EndsWith("MB", StringComparison.Ordinal) && shown == $"{int.Parse(wanted[..^2]) / 1024}GB";

    private void Write(string file, string text)
    {
        var path = Path.Combine(folder.Path, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
