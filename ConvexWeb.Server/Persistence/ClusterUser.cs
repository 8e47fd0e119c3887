using System.Diagnostics;

namespace ConvexWeb.Server.Persistence;

/// <summary>Who runs the private PostgreSQL: the user of this process, or <c>postgres</c> when that is root.</summary>
internal sealed class ClusterUser
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private readonly string? dropTo;

    private ClusterUser(string? dropTo) => this.dropTo = dropTo;

    /// <summary>Root passes any permission bits, so the socket can stay closed to all but its owner in both cases.</summary>
    public string SocketMode => "0700";

    public static ClusterUser Current()
    {
        if (!string.Equals(Environment.UserName, "root", StringComparison.Ordinal)) return new ClusterUser(null);
        if (!File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal)))
            throw new ClusterException("PostgreSQL does not run as root, and there is no user 'postgres' to give it. Start the server as another user, or install PostgreSQL (Debian: apt-get install postgresql).");
        return new ClusterUser("postgres");
    }

    /// <summary>Makes a folder that only this user may enter; its parents may be passed through.</summary>
    public void MakeFolder(string path)
    {
        if (OperatingSystem.IsWindows()) throw new ClusterException("On Windows there is no private database; name a PostgreSQL in ConnectionStrings:Convex.");
        if (Path.GetDirectoryName(path) is { } parent && !Directory.Exists(parent))
            Directory.CreateDirectory(parent, dropTo is null ? Private : Private | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
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

    /// <summary>Says so when a folder above <paramref name="folder"/> shuts the database's user out.</summary>
    public async Task CheckReachAsync(string folder, CancellationToken cancel)
    {
        if (dropTo is null || (await RunAsync("test", ["-w", folder], cancel)).Code == 0) return;
        throw new ClusterException($"The user '{dropTo}', as whom PostgreSQL runs because root may not, cannot reach {folder}. Set Convex:Data to a folder that it can reach, such as /var/lib/convexweb.");
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
        string[] drop = dropTo is null ? [] : [$"--reuid={dropTo}", $"--regid={dropTo}", "--init-groups", "--reset-env", program];
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

    private void Give(string path)
    {
        if (dropTo is null) return;
        using var process = Process.Start(new ProcessStartInfo("chown", ["--no-dereference", $"{dropTo}:", path]))!;
        process.WaitForExit();
        if (process.ExitCode != 0) throw new ClusterException($"{path} could not be given to the user '{dropTo}'.");
    }
}
