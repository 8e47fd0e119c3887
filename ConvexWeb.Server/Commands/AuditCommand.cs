using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Persistence;

namespace ConvexWeb.Server.Commands;

/// <summary>
/// <c>./convexweb audit verify [--known NUMBER:HASH]</c>: whether the audit trail is whole, without the server's help. It reads the
/// database that the settings name; a private one may be running or not.
/// </summary>
internal static class AuditCommand
{
    private const string Usage = "usage: ./convexweb audit verify [--known NUMBER:HASH]";

    /// <returns>0: it is whole; 1: it is not; 2: it could not be asked so.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not ["verify", .. var options]) return Refuse(Usage);
        if (CommandOptions.Problem(options, "known") is { } wrong) return Refuse($"{wrong} {Usage}");
        await using var app = ToolHost.Build(options);
        (long, string)? known = null;
        if (app.Configuration["known"] is { } given)
        {
            if (given.Split(':') is not [var number, { Length: 64 } hash] || !long.TryParse(number, out var seq) || seq < 1)
                return Refuse($"--known is '{given}'; it must be a number and a hash, as an earlier look printed them. {Usage}");
            known = (seq, hash);
        }
        await app.CheckDatabaseAsync();
        var found = await app.Services.GetRequiredService<AuditReader>().CheckAsync(known, CancellationToken.None);
        var trail = $"The audit trail of {app.Services.GetRequiredService<Database>().Where}";
        if (found.Problem is { } problem)
        {
            Console.Error.WriteLine($"{trail} is broken. {problem}");
            return 1;
        }
        Console.WriteLine(found.First == 0
            ? $"{trail} is whole: it has no entry yet."
            : $"{trail} is whole, from entry {found.First} to {found.Last}. To see later that its end was not cut off, keep this "
                + $"somewhere else:{Environment.NewLine}{found.Last}:{found.Hash}");
        if (found.Uncompared is not { } uncompared) return 0;
        Console.Error.WriteLine(uncompared);
        return 2;
    }

    private static int Refuse(string sentence)
    {
        Console.Error.WriteLine(sentence);
        return 2;
    }
}
