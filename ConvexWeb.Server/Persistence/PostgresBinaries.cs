namespace ConvexWeb.Server.Persistence;

/// <summary>Finds initdb, pg_ctl and postgres: under Debian's version folders (newest first) or on the PATH.</summary>
public sealed record PostgresBinaries(string Folder)
{
    private const string Debian = "/usr/lib/postgresql";

    public string this[string program] => Path.Combine(Folder, program);

    /// <param name="version">The major version that an existing cluster needs; null for the newest.</param>
    public static PostgresBinaries Find(string? version)
    {
        var candidates = Candidates(version).Where(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "pg_ctl")));
        return candidates.FirstOrDefault() is { } folder
            ? new PostgresBinaries(folder)
            : throw new ClusterException(version is null
                ? "No PostgreSQL was found. Install it (Debian: apt-get install postgresql), or name a server in ConnectionStrings:Convex."
                : $"The private database was made by PostgreSQL {version}, which is not installed. Install it (Debian: apt-get install postgresql-{version}), or name a server in ConnectionStrings:Convex.");
    }

    private static IEnumerable<string> Candidates(string? version)
    {
        if (version is not null) return [Path.Combine(Debian, version, "bin")];
        var debian = Directory.Exists(Debian) ? Directory.GetDirectories(Debian) : [];
        return debian
            .OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), out var number) ? number : 0)
            .Select(folder => Path.Combine(folder, "bin"))
            .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries));
    }
}
