using ConvexWeb.Server.Persistence;
using Microsoft.EntityFrameworkCore;

namespace ConvexWeb.Server.Accounts;

/// <summary>While nobody can administer the server, each start prints a one-time link that makes the first administrator.</summary>
public sealed class SetupLink(
    IDbContextFactory<ConvexDb> databases, PublicAddress address, ServiceLoop loop, TimeProvider time, ILogger<SetupLink> log)
    : IHostedLifecycleService
{
    /// <returns>The link, or null when there is an administrator.</returns>
    public async Task<string?> IssueAsync(CancellationToken cancel = default)
    {
        await using var database = await databases.CreateDbContextAsync(cancel);
        if (await database.Users.AnyAsync(user => user.IsAdmin && user.DisabledAt == null, cancel)) return null;
        var now = time.GetUtcNow();
        await database.Invites.Where(invite => invite.ExpiresAt < now).ExecuteDeleteAsync(cancel);
        var (invite, secret) = Invite.New(now, createdBy: null, isAdmin: true);
        database.Invites.Add(invite);
        await database.SaveChangesAsync(cancel);
        return $"{address.Base}welcome?token={secret}";
    }

    /// <summary>To the terminal and not to the log: logs are kept and collected, and this is a secret.</summary>
    public Task StartedAsync(CancellationToken cancellationToken)
        => loop.RunAsync("The link for the first administrator", PrintAsync, cancellationToken);

    private async Task PrintAsync(CancellationToken cancel)
    {
        if (await IssueAsync(cancel) is not { } link) return;
        await Console.Out.WriteLineAsync(
            $"\nThere is no administrator yet. This link makes one; it works once, for {Invite.Life.TotalHours:0} hours:\n\n    {link}\n");
        log.LogInformation("A one-time link for the first administrator was printed to the terminal");
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
