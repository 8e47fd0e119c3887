using System.Diagnostics;

namespace ConvexWeb.Server.Persistence;

/// <summary>Who runs the private PostgreSQL: the user of this process or, when that is root, another one.</summary>
/// <remarks>
/// PostgreSQL refuses to run as root, and initdb refuses a user without an entry in /etc/passwd, so root needs an existing user. Debian's
/// PostgreSQL package brings <c>postgres</c>, made for this. Where that is missing, <c>nobody</c> exists on every system. It comes second
/// because other services that run as <c>nobody</c> could read the files; who connects is still root alone (peer authentication).
/// </remarks>
internal sealed class ClusterUser
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private static readonly string[] Candidates = ["postgres", "nobody"];
    private readonly string? dropTo;
    private readonly string group;

    private ClusterUser(string? dropTo, string group) => (this.dropTo, this.group) = (dropTo, group);

    /// <summary>Whether PostgreSQL runs as another user than this process.</summary>
    public bool IsAnother => dropTo is not null;

    /// <summary>Root passes any permission bits, so the socket can stay closed to all but its owner in both cases.</summary>
    public string SocketMode => "0700";

    /// <param name="files">The cluster's files. Where they exist, their owner stays, also when a better user has appeared since.</param>
    public static ClusterUser For(string files)
    {
        if (!string.Equals(Environment.UserName, "root", StringComparison.Ordinal)) return new ClusterUser(null, "");
        var entries = File.ReadLines("/etc/passwd").Select(line => line.Split(':')).Where(entry => entry.Length > 3).ToList();
        var users = Candidates.Select(name => entries.Find(entry => entry[0] == name)).OfType<string[]>().ToList();
        var owner = OwnerOf(files);
        return (users.Find(entry => entry[0] == owner) ?? users.FirstOrDefault()) is { } user
            ? new ClusterUser(user[0], user[3])
            : throw new ClusterException("PostgreSQL does not run as root, and there is neither a user 'postgres' nor 'nobody' to run it "
                + "as. Start the server as another user, or create one (useradd --system postgres).");
    }

    /// <summary>Makes a folder that only this user may enter; its parents may be passed through.</summary>
    public void MakeFolder(string path)
    {
        if (OperatingSystem.IsWindows())
            throw new ClusterException("On Windows there is no private database; name a PostgreSQL in ConnectionStrings:Convex.");
        if (Path.GetDirectoryName(path) is { } parent && !Directory.Exists(parent))
        {
            Directory.CreateDirectory(parent);
            var passage = dropTo is null ? Private : Private | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
            File.SetUnixFileMode(parent, passage); // whatever the umask
        }
        Directory.CreateDirectory(path, Private);
        if (File.ResolveLinkTarget(path, returnFinalTarget: true) is not null)
            throw new ClusterException($"{path} is a link; the private database takes only a folder of its own.");
        Give(path);
        File.SetUnixFileMode(path, Private); // fails when it belongs to somebody else: then it is not to be trusted
    }

    public void Write(string path, string text)
    {
        File.WriteAllText(path, text);
        Give(path);
    }

    /// <summary>Gives the folder to this user where the cluster's files belong to another one, as after a move between machines.</summary>
    public void Own(string folder, string files)
    {
        if (dropTo is not null && OwnerOf(files) is { } owner && owner != dropTo) Give(folder, "--recursive");
    }

    /// <summary>Says so when a folder above <paramref name="folder"/> shuts the database's user out.</summary>
    public async Task CheckReachAsync(string folder, CancellationToken cancel)
    {
        if (dropTo is null || (await RunAsync("test", ["-w", folder], cancel)).Code == 0) return;
        throw new ClusterException($"The user '{dropTo}', as whom PostgreSQL runs because root may not, cannot reach {folder}. "
            + "Set Convex:Data to a folder that it can reach, such as /var/lib/convexweb.");
    }

    public async Task<(int Code, string Output)> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        var start = new ProcessStartInfo
        {
            FileName = dropTo is null ? program : "setpriv",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        // PGPORT would rename the socket, LD_LIBRARY_PATH bring other libraries, LC_ALL change the messages.
        start.Environment.Clear();
        string[] drop = dropTo is null ? [] : [$"--reuid={dropTo}", $"--regid={group}", "--init-groups", "--reset-env", program];
        foreach (var argument in drop.Concat(arguments)) start.ArgumentList.Add(argument);
        try
        {
            using var process = Process.Start(start)!;
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(cancel);
            var errors = process.StandardError.ReadToEndAsync(cancel);
            await process.WaitForExitAsync(cancel);
            return (process.ExitCode, await output + await errors);
        }
        catch (System.ComponentModel.Win32Exception problem)
        {
            throw new ClusterException($"{start.FileName} could not be run: {problem.Message}.", problem);
        }
    }

    private static string? OwnerOf(string path)
    {
        if (!Directory.Exists(path)) return null;
        using var process = Process.Start(new ProcessStartInfo("stat", ["--format=%U", path]) { RedirectStandardOutput = true })!;
        return process.StandardOutput.ReadToEnd().Trim();
    }

    private void Give(string path, params IEnumerable<string> options)
    {
        if (dropTo is null) return;
        using var process = Process.Start(new ProcessStartInfo("chown", [.. options, "--no-dereference", $"{dropTo}:{group}", path]))!;
        process.WaitForExit();
        if (process.ExitCode != 0) throw new ClusterException($"{path} could not be given to the user '{dropTo}'.");
    }
}
