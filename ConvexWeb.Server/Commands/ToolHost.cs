using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Commands;

/// <summary>What a command has of the server: its settings, its database and services; it listens nowhere and starts nothing.</summary>
internal static class ToolHost
{
    /// <param name="options">Settings of the command line.</param>
    /// <param name="add">Services beside the database and the audit trail.</param>
    public static WebApplication Build(string[] options, Action<IServiceCollection>? add = null)
    {
        var builder = WebApplication.CreateBuilder(options);
        builder.Logging.ClearProviders();
        builder.AddSettings();
        builder.Services.AddPersistence().AddAudit();
        add?.Invoke(builder.Services);
        return builder.Build();
    }

    /// <summary>The database answers and holds a lab, of which nothing is changed: its tables may be those of an older program.</summary>
    /// <returns>The number of its schema.</returns>
    public static async Task<int> CheckDatabaseAsync(this WebApplication app, CancellationToken cancel = default)
    {
        var schema = 0;
        // Who only looks makes no database.
        if (app.Services.GetRequiredService<Database>() is { IsMade: false } none)
            throw new StartException($"There is no lab in {none.Where}.");
        await app.Services.GetRequiredService<Database>().PrepareAsync(
            async (database, token) => schema = await new Migrator(database).CheckAsync(token), cancel);
        return schema;
    }
}
