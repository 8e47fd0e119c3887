namespace ConvexWeb.Server.Persistence;

/// <summary>A setting of PostgreSQL, and why it has this value.</summary>
internal sealed record TunedSetting(string Name, string Value, string Why);

/// <summary>
/// The settings of the private cluster. PostgreSQL's own defaults suit a machine with a few hundred megabytes; these follow the memory that
/// this process may use, of which trainings need the larger part.
/// </summary>
internal static class ClusterTuning
{
    private const long Megabyte = 1 << 20;

    /// <param name="memory">Bytes that this process may use: of the machine, or of the container.</param>
    /// <param name="compressesWithLz4">Whether PostgreSQL was built with lz4.</param>
    public static IReadOnlyList<TunedSetting> For(long memory, int cores, bool compressesWithLz4) =>
    [
        new("shared_buffers", Size(memory / 4, 32, 2048), "pages of hot tables and of the points of the newest runs, read without a copy"),
        new("effective_cache_size", Size(memory / 2, 64, 65536), "what the system's own cache holds besides, as a hint to the planner"),
        new("work_mem", Size(memory / 512, 2, 32), "sorts a page of 100,000 points in memory; each of up to 50 connections may take it"),
        new("maintenance_work_mem", Size(memory / 64, 16, 256), "index builds and vacuum; each vacuum worker may take it"),
        new("max_wal_size", Size(memory / 8, 256, 2048), "checkpoints follow the clock and not each burst of points; room on the disk"),
        new("checkpoint_timeout", "15min", "each page is logged whole once after a checkpoint: fewer checkpoints, less log"),
        new("checkpoint_completion_target", "0.9", "a checkpoint writes slowly over its whole interval and holds up no commit"),
        new("wal_compression", compressesWithLz4 ? "lz4" : "off", "less log for little work; pglz instead saved none that was measured"),
        new("random_page_cost", "1.1", "solid-state disks, and tables that are mostly in memory: an index costs no more than a scan"),
        new("jit", "off", "compiling a statement takes longer than any statement here runs"),
        new("max_parallel_workers_per_gather", $"{Math.Clamp(cores / 4, 0, 2)}", "the other cores are for trainings"),
        new("autovacuum_naptime", "15s", "rows of runs, workers, leases and tickets change every second: small tables, swept often"),
        new("autovacuum_vacuum_scale_factor", "0.05", "the same: when a twentieth of a table is dead, not a fifth"),
        new("autovacuum_analyze_scale_factor", "0.02", "the planner knows of a burst of new points before it is a fifth of the table"),
        new("autovacuum_vacuum_cost_limit", "1000", "a sweep keeps up with the writers on solid-state disks"),

        // Said although they are the defaults: turned off in the cluster's own file, any of them would lose data in a power cut.
        new("fsync", "on", "what is committed is on the disk"),
        new("full_page_writes", "on", "a page that was half written in a power cut can be restored"),
        new("synchronous_commit", "on", "a commit that was answered outlives a power cut: nothing may be lost"),
    ];

    private static string Size(long bytes, long leastMegabytes, long mostMegabytes)
        => $"{Math.Clamp(bytes / Megabyte, leastMegabytes, mostMegabytes)}MB";
}
