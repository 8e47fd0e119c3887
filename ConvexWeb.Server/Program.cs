using ConvexWeb.Client.Shared;
using ConvexWeb.Server;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Catalog;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Live;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Server.Runs;
using ConvexWeb.Server.Studies;

try
{
    var builder = WebApplication.CreateBuilder(args);
    var settings = builder.AddSettings();
    builder.AddHttp(settings).Services.AddPersistence();
    if (settings.ServesWeb) builder.Services.AddAccounts(settings).AddCatalog().AddRuns().AddStudies().AddLive().AddApiReference().AddPages();

    var app = builder.Build();
    app.UseHttp(settings);
    if (settings.ServesWeb)
    {
        app.UseAccounts();
        app.MapSignInForms();
        app.MapApi();
        app.MapApiReference();
        app.MapLive();
        app.MapPages<App>();
    }
    app.MapHealthChecks("/health").AllowAnonymous();
    await app.RunAsync();
    return 0;
}
catch (Exception problem) when (StartProblem.Explains(problem))
{
    await Console.Error.WriteLineAsync(StartProblem.Text(problem));
    return 1;
}
