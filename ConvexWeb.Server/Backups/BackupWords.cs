using System.Globalization;

namespace ConvexWeb.Server.Backups;

/// <summary>What is said of a backup.</summary>
public static class BackupWords
{
    public static string Of(BackupReport report)
    {
        var words = string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Runs:N0} runs, {report.Points:N0} points, {report.Files:N0} files, {Size(report.Bytes)}");
        return report.Missing == 0 ? words : $"{words}; {report.Missing} checkpoints that the database knows are not in this node's folder";
    }

    /// <summary>In the unit that suits it.</summary>
    public static string Size(long bytes) => bytes switch
    {
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0.0} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.00} GB"),
    };
}
