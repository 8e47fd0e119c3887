namespace ConvexWeb.Server.Backups;

/// <summary>How far a backup or a restoration is.</summary>
/// <param name="What">What is copied now, in words.</param>
/// <param name="Total">In bytes; of tables it is an estimate.</param>
public readonly record struct BackupProgress(string What, long Done, long Total);

/// <summary>What was written, or read.</summary>
/// <param name="Missing">How many checkpoints the database knows whose files are not in this node's data folder.</param>
public sealed record BackupReport(DateTimeOffset At, long Runs, long Points, int Files, int Missing, long Bytes);
