using ConvexWeb.Client.Shared;
using ConvexWeb.Server;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Backups;
using ConvexWeb.Server.Catalog;
using ConvexWeb.Server.Certificates;
using ConvexWeb.Server.Commands;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Live;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Runs;
using ConvexWeb.Server.Scheduling;
using ConvexWeb.Server.Studies;
using ConvexWeb.Server.Theory;
using ConvexWeb.Server.Workers;

using var watchdog = new StopWatchdog();
var stops = false;
try
{
    if (args is ["audit", .. var rest]) return await AuditCommand.RunAsync(rest);
    if (args is ["backup" or "restore", ..]) return await BackupCommand.RunAsync(args);
    if (args is ["second-factor", .. var words]) return await SecondFactorCommand.RunAsync(words);
    var builder = WebApplication.CreateBuilder(args);
    var settings = builder.AddSettings();
    var worker = builder.AddWorkerSettings();
    builder.AddHttp(settings).Services
        .AddPersistence().AddAudit().AddBackups().AddWorkers(settings, worker).AddCertificates(settings).AddScheduling(settings, worker);
    if (settings.ServesWeb)
        builder.Services.AddAccounts().AddCatalog().AddTheory().AddRuns().AddStudies().AddLive().AddApiReference()
            .AddJobsDashboard().AddPages();

    await using var app = builder.Build();
    watchdog.Watch(app);
    await app.PrepareDatabaseAsync();
    await app.TakeWorkerNameAsync();
    app.Services.GetRequiredService<RunFolders>().Prepare();
    app.UseHttp(settings);
    if (settings.ServesWeb)
    {
        app.UseAccounts();
        app.MapSignInForms();
        app.MapApi();
        app.MapLive();
        app.MapJobsDashboard();
        app.MapPages<App>();
    }
    app.MapHealthChecks("/health").Allow(Access.Anyone);
    try
    {
        await app.StartAsync();
    }
    catch
    {
        // Services that have begun already end before what they work with goes; else each of them takes its own end for an error.
        await StartProblem.StopWhatBeganAsync(app);
        throw;
    }
    stops = true;
    await app.WaitForShutdownAsync();
    return 0;
}
catch (Exception problem) when (stops)
{
    // Whatever a service throws on its way out, the work is in the database, and the process ends as one that was told to.
    Console.Error.WriteLine($"ConvexWeb did not stop cleanly: {problem}");
    return 1;
}
catch (Exception problem) when (StartProblem.Explains(problem))
{
    return StartProblem.Tell(problem);
}
