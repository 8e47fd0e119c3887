using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;

namespace ConvexWeb.Tests.Accounts;

/// <summary>The audit trail is checked by a command, as a process of its own.</summary>
[Trait("kind", "slow")]
public sealed class AuditCommandTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    [Fact]
    public async Task It_tells_whether_the_trail_is_whole_and_whether_its_end_is_still_there()
    {
        await new Migrator(Database).ApplyAsync();
        var trail = new AuditTrail(Database, TimeProvider.System);
        for (var n = 0; n < 5; n++)
            await trail.WriteAsync(new("ada", "Firefox", "10.0.0.1"), new(AuditAction.LinkMade, $"user {n}"), default);

        var (whole, printed) = await VerifyAsync();
        Assert.Equal(0, whole);
        var known = printed.Trim().Split('\n')[^1];
        Assert.StartsWith("5:", known, StringComparison.Ordinal);
        Assert.Equal(0, (await VerifyAsync("--known", known)).Code);
        Assert.Equal(2, (await VerifyAsync("--known", "5:abc")).Code);
        Assert.Equal(2, (await VerifyAsync("--known", $"0:{new string('0', 64)}")).Code);
        var (mistyped, about) = await VerifyAsync("--knwon", known);
        Assert.Equal(2, mistyped);
        Assert.Contains("--knwon is not an option here", about, StringComparison.Ordinal);
        var (setting, name) = await VerifyAsync("--Convex:Dta=/nowhere");
        Assert.NotEqual(0, setting);
        Assert.Contains("Convex:Dta is not a setting", name, StringComparison.Ordinal);

        await using var connection = await Database.OpenConnectionAsync();
        await connection.ExecuteAsync("set convex.audit_retention = 'on'; delete from audit_entries where seq = 5");
        Assert.Equal(0, (await VerifyAsync()).Code);
        var (cut, why) = await VerifyAsync("--known", known);
        Assert.Equal(1, cut);
        Assert.Contains("its end was cut off", why, StringComparison.Ordinal);
        await connection.ExecuteAsync("delete from audit_entries where seq = 3");
        Assert.Contains("After entry 2 comes 4", (await VerifyAsync()).Printed, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Printed)> VerifyAsync(params string[] options)
        => await ServerCommand.RunAsync(ConnectionString, Folder, ["audit", "verify", .. options]);
}
