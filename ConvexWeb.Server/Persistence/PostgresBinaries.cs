namespace ConvexWeb.Server.Persistence;

/// <summary>The folder of initdb, pg_ctl and postgres: our own, or Debian's of the version that made an existing cluster.</summary>
public sealed record PostgresBinaries(string Folder)
{
    private const string Debian = "/usr/lib/postgresql";
    private const UnixFileMode Open = (UnixFileMode)0b_111_101_101; // rwxr-xr-x

    private static string Embedded { get; } = Path.Combine(AppContext.BaseDirectory, "postgres");

    public string this[string program] => Path.Combine(Folder, program);

    /// <param name="version">The major version that made the existing cluster, as its PG_VERSION says; null for a new cluster.</param>
    /// <remarks>A cluster opens with the major version that made it and no other; an upgrade needs the programs of both.</remarks>
    public static PostgresBinaries Find(string? version)
    {
        var brought = VersionOf(Embedded)?.Split('.')[0];
        if (brought is not null && (version ?? brought) == brought) return new PostgresBinaries(Path.Combine(Embedded, "bin"));
        if (version is null)
        {
            throw new ClusterException($"This server was built without PostgreSQL's programs: {Embedded} is missing. Build it on "
                + "Linux (x64), or name a PostgreSQL server in ConnectionStrings:Convex.");
        }

        var debian = Path.Combine(Debian, version, "bin");
        if (File.Exists(Path.Combine(debian, "pg_ctl"))) return new PostgresBinaries(debian);
        throw new ClusterException($"The private database was made by PostgreSQL {version}; this server brings {brought ?? "none"}, and "
            + $"{debian} is missing. Install that version (Debian: apt-get install postgresql-{version}), name a PostgreSQL server in "
            + "ConnectionStrings:Convex, or begin with a new folder in Convex:Data.");
    }

    /// <summary>
    /// These programs where <paramref name="user"/> can run them: a user other than ours may be shut out of the product's folder, as of a
    /// checkout in /root. Then they are copied once, into the cluster's <paramref name="folder"/>.
    /// </summary>
    internal async Task<PostgresBinaries> ReachedByAsync(ClusterUser user, string folder, CancellationToken cancel)
    {
        var home = Path.GetDirectoryName(Folder)!;
        if (!user.IsAnother || VersionOf(home) is not { } version || await RunsAsync(user, cancel)) return this;
        var copy = new PostgresBinaries(Path.Combine(folder, $"programs-{version}", "bin"));
        if (await copy.RunsAsync(user, cancel)) return copy;

        // Renamed into its place when it is whole, since a start may die in the middle.
        var whole = Path.GetDirectoryName(copy.Folder)!;
        var half = whole + ".new";
        foreach (var old in new[] { half, whole }.Where(Directory.Exists)) Directory.Delete(old, recursive: true);
        CopyOpen(new DirectoryInfo(home), half);
        Directory.Move(half, whole);
        return copy;
    }

    // Through a shell: setpriv still has root's capabilities when it starts a program, so it starts what its user may not.
    private async Task<bool> RunsAsync(ClusterUser user, CancellationToken cancel) =>
        (await user.RunAsync("/bin/sh", ["-c", "exec \"$0\" --version", this["postgres"]], cancel)).Code == 0;

    // The build writes this file; Debian's folders have none.
    private static string? VersionOf(string home)
    {
        var file = Path.Combine(home, "VERSION");
        return File.Exists(file) ? File.ReadAllText(file).Trim() : null;
    }

    // Everybody may read the copy, whatever the umask and the original's permissions are.
    private static void CopyOpen(DirectoryInfo from, string to)
    {
        Directory.CreateDirectory(to);
        SetOpen(to);
        foreach (var folder in from.EnumerateDirectories()) CopyOpen(folder, Path.Combine(to, folder.Name));
        foreach (var file in from.EnumerateFiles()) SetOpen(file.CopyTo(Path.Combine(to, file.Name)).FullName);
    }

    private static void SetOpen(string path)
    {
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, Open);
    }
}
