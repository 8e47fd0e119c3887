using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Backups;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using Microsoft.Extensions.DependencyInjection.Extensions;

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
        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, pressed) =>
        {
            pressed.Cancel = true;
            stop.Cancel();
        };
        var builder = WebApplication.CreateBuilder(options);
        builder.Logging.ClearProviders();
        builder.AddSettings();
        builder.Services.TryAddSingleton<RunFolders>();
        builder.Services.AddPersistence().AddAudit().AddBackups();
        await using var app = builder.Build();
        var line = new ProgressLine(app.Services.GetRequiredService<TimeProvider>());
        try
        {
            await (what == "backup" ? BackUpAsync(app, path, line, stop.Token) : RestoreAsync(app, path, line, stop.Token));
            return 0;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            line.End();
            Console.Error.WriteLine("It was ended before it was done, and has left nothing.");
            return 130;
        }
        catch (Exception problem) when (problem is StartException or ClusterException)
        {
            line.End();
            Console.Error.WriteLine(problem.Message);
            return 1;
        }
    }

    private static async Task BackUpAsync(WebApplication app, string path, ProgressLine line, CancellationToken cancel)
    {
        await app.PrepareDatabaseAsync();
        var report = await app.Services.GetRequiredService<BackupWriter>().WriteAsync(path, line.Tell, cancel);
        var words = BackupWords.Of(report);
        await app.Services.GetRequiredService<AuditTrail>().WriteAsync(
            AuditActor.Server with { Door = "the command line" }, new(AuditAction.BackupMade, Path.GetFileName(path), words), cancel);
        line.End();
        Console.WriteLine($"{path} is written, as the lab was at {report.At:yyyy-MM-dd HH:mm:ss} UTC: {words}.");
        if (report.Missing > 0)
        {
            Console.WriteLine(
                $"{report.Missing} checkpoints that the database knows are not in this node's data folder, and not in the backup.");
        }
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
            AuditActor.Server with { Door = "the command line" }, new(AuditAction.BackupRestored, Path.GetFileName(path), words), cancel);
        line.End();
        Console.WriteLine($"The lab is as it was at {report!.At:yyyy-MM-dd HH:mm:ss} UTC: {words}.");
        Console.WriteLine("Start it as always: what was training goes on from its last checkpoint. Everybody signs in again.");
    }
}
