using System.Runtime.InteropServices;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Backups;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Commands;

/// <summary>
/// <c>./convexweb backup FILE</c>, while the server runs or not, and <c>./convexweb restore FILE</c>, into a folder and a database in
/// which nothing is yet.
/// </summary>
internal static class BackupCommand
{
    /// <returns>0: it is done; 1: it was refused; 130: it was ended; 2: it could not be asked so.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not [("backup" or "restore") and var what, var path, .. var options] || path.StartsWith('-'))
        {
            Console.Error.WriteLine($"usage: ./convexweb {args[0]} FILE");
            return 2;
        }
        if (CommandOptions.Problem(options) is { } wrong)
        {
            Console.Error.WriteLine($"{wrong} usage: ./convexweb {what} FILE");
            return 2;
        }
        using var stop = new CancellationTokenSource();
        var signals = new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal =>
            PosixSignalRegistration.Create(signal, told =>
            {
                told.Cancel = true;
                stop.Cancel();
            })).ToList();
        await using var app = ToolHost.Build(options, services => services.AddSingleton<RunFolders>().AddBackups());
        var line = new ProgressLine(app.Services.GetRequiredService<TimeProvider>());
        try
        {
            await (what == "backup" ? BackUpAsync(app, path, line, stop.Token) : RestoreAsync(app, path, line, stop.Token));
            return 0;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            line.End();
            Console.Error.WriteLine(what == "backup"
                ? "It was ended before it was done, and has left no file."
                : "It was ended before it was done. Begin again with an empty folder and database.");
            return 130;
        }
        catch (Exception problem) when (problem is StartException or ClusterException)
        {
            line.End();
            Console.Error.WriteLine(problem.Message);
            return 1;
        }
        finally
        {
            foreach (var signal in signals) signal.Dispose();
        }
    }

    private static async Task BackUpAsync(WebApplication app, string path, ProgressLine line, CancellationToken cancel)
    {
        // Not the tables of this program: a backup before an upgrade is one of the tables of before.
        var schema = await app.CheckDatabaseAsync(cancel);
        var report = await app.Services.GetRequiredService<BackupWriter>().WriteAsync(path, line.Tell, cancel);
        var words = BackupWords.Of(report);
        if (schema >= AuditTrail.Schema)
        {
            await app.Services.GetRequiredService<AuditTrail>().WriteAsync(
                AuditActor.CommandLine, new(AuditAction.BackupMade, Path.GetFileName(path), words), cancel);
        }
        line.End();
        Console.WriteLine($"{path} is written, as the lab was at {report.At:yyyy-MM-dd HH:mm:ss} UTC: {words}.");
        Console.WriteLine("Who has the file has the lab: keep it as you keep passwords. Data sets are not in it.");
    }

    private static async Task RestoreAsync(WebApplication app, string path, ProgressLine line, CancellationToken cancel)
    {
        var database = app.Services.GetRequiredService<Database>();
        if (!File.Exists(path)) throw new StartException($"There is no file {path}.");
        BackupReport? report = null;
        await database.PrepareAsync(
            async (_, token) =>
            {
                if (database.IsAnothers)
                {
                    throw new StartException(
                        "A server runs on this data folder. Stop it, or restore into another folder (Convex:Data).");
                }
                report = await app.Services.GetRequiredService<BackupRestore>().RestoreAsync(path, line.Tell, token);
            }, cancel);
        var words = BackupWords.Of(report!);
        await app.Services.GetRequiredService<AuditTrail>().WriteAsync(
            AuditActor.CommandLine, new(AuditAction.BackupRestored, Path.GetFileName(path), words), cancel);
        line.End();
        Console.WriteLine($"The lab is as it was at {report!.At:yyyy-MM-dd HH:mm:ss} UTC: {words}.");
        Console.WriteLine("Start it as always: what was training goes on from its last checkpoint. Everybody signs in again.");
        Console.WriteLine("What was revoked, disabled or changed since then holds again as it was: tokens, accounts, passwords.");
    }
}
