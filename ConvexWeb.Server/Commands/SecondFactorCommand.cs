using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Audit;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Commands;

/// <summary>
/// <c>./convexweb second-factor off NAME</c>: for the administrator who has lost app and codes and has no colleague to ask. Who may do this
/// has the database anyhow.
/// </summary>
internal static class SecondFactorCommand
{
    private const string Usage = "usage: ./convexweb second-factor off NAME";

    /// <returns>0: it is off; 1: there was none; 2: it could not be asked so.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not ["off", var name, .. var options] || name.StartsWith('-'))
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }
        if (CommandOptions.Problem(options) is { } wrong)
        {
            Console.Error.WriteLine($"{wrong} {Usage}");
            return 2;
        }
        await using var app = ToolHost.Build(options, services => services.AddAccounts());
        await app.CheckDatabaseAsync();
        var normal = await app.Services.GetRequiredService<Names>().NormalizeAsync(name, CancellationToken.None) ?? name;
        await using var connection = await app.Services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync();
        var user = await connection.ExecuteScalarAsync<Guid?>(
            "select id from users where normalized_user_name = @key and deleted_at is null", new { key = normal.ToUpperInvariant() });
        if (user is not { } id)
        {
            Console.Error.WriteLine($"There is no account '{normal}'.");
            return 1;
        }
        if (await app.Services.GetRequiredService<SecondFactors>()
                .RemoveAsync(id, act: null, AuditActor.CommandLine, CancellationToken.None) is null)
        {
            Console.Error.WriteLine($"{normal} has no second factor.");
            return 1;
        }
        Console.WriteLine($"{normal} signs in with the password alone now, and is signed out everywhere.");
        return 0;
    }
}
