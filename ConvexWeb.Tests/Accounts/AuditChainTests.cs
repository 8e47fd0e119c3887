using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;
using Npgsql;

namespace ConvexWeb.Tests.Accounts;

/// <summary>No entry of the audit trail is changed, taken out or put between without its being seen.</summary>
public sealed class AuditChainTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private static readonly AuditActor Ada = new("ada", "Firefox on Linux", "10.0.0.1");

    private AuditTrail Trail => new(Database, TimeProvider.System);
    private AuditReader Reader => new(Database);

    [Fact]
    public async Task Entries_of_many_writers_at_once_make_one_chain()
    {
        await new Migrator(Database).ApplyAsync();

        await Task.WhenAll(Enumerable.Range(0, 60).Select(
            n => Trail.WriteAsync(Ada, new(AuditAction.LinkMade, $"user {n}"), default)));

        var check = await Reader.CheckAsync(null, default);
        Assert.Null(check.Problem);
        Assert.Equal((1, 60), (check.First, check.Last));
    }

    [Theory]
    [InlineData("update audit_entries set subject = 'user 9' where seq = 5", "Entry 5")]
    [InlineData("update audit_entries set at = at - interval '1 second' where seq = 5", "Entry 5")]
    [InlineData("update audit_entries set network = '10.0.0.2' where seq = 1", "Entry 1")]
    [InlineData("delete from audit_entries where seq = 5", "After entry 4 comes 6")]
    [InlineData("delete from audit_entries where seq <= 5", "After entry 0 comes 6")]
    [InlineData("delete from audit_entries where seq <= 5; update audit_start set seq = 5", "Entry 6")]
    [InlineData(
        "with cut as (delete from audit_entries where seq <= 5 returning seq, hash) "
        + "update audit_start set (seq, hash) = (select seq, hash from cut order by seq desc limit 1)", "no entry tells")]
    public async Task What_the_databases_owner_changes_is_seen(string change, string problem)
    {
        await WriteAsync(10);
        Assert.Null(await ProblemAsync());

        await AsOwnerAsync(change);

        Assert.Contains(problem, await ProblemAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_end_that_was_cut_off_or_written_anew_is_seen_by_who_has_kept_a_hash()
    {
        await WriteAsync(10);
        var known = await Reader.CheckAsync(null, default);
        await AsOwnerAsync("delete from audit_entries where seq > 7");

        Assert.Null(await ProblemAsync());
        Assert.Contains("its end was cut off", await ProblemAsync(known), StringComparison.Ordinal);
        for (var n = 0; n < 4; n++) await Trail.WriteAsync(Ada, new(AuditAction.SignedIn), default);
        Assert.Contains("was rewritten", await ProblemAsync(known), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_old_goes_by_a_cut_that_is_noted_and_the_rest_is_whole()
    {
        await WriteAsync(9);
        var older = await Reader.CheckAsync(null, default);
        await WriteAsync(1);
        var known = await Reader.CheckAsync(null, default);
        var now = await Database.ScalarAsync<DateTimeOffset>("select max(at) + interval '1 microsecond' from audit_entries");
        while (TimeProvider.System.GetUtcNow() <= now)
        {
            // The next entry is later than that.
        }
        await Trail.WriteAsync(Ada, new(AuditAction.SignedIn), default);

        Assert.Equal(10, await Trail.CutAsync(now, default));
        Assert.Equal(0, await Trail.CutAsync(now, default));

        var check = await Reader.CheckAsync(null, default);
        Assert.Null(check.Problem);
        Assert.Equal((11, 12), (check.First, check.Last));
        // The last one that was taken out left its hash; of those before it nothing is left to compare.
        var last = await Reader.CheckAsync((known.Last, known.Hash), default);
        Assert.Equal((null, null), (last.Problem, last.Uncompared));
        Assert.Contains("had another hash", await ProblemAsync(known with { Hash = older.Hash }), StringComparison.Ordinal);
        var before = await Reader.CheckAsync((older.Last, older.Hash), default);
        Assert.Null(before.Problem);
        Assert.Contains("because of its age", before.Uncompared, StringComparison.Ordinal);
        Assert.Equal(12, await Trail.CutAsync(DateTimeOffset.UtcNow.AddDays(1), default) + 10);
        Assert.Null(await ProblemAsync());
    }

    // Who makes entries old, so that they go by their age, is found out by it.
    [Theory]
    [InlineData("update audit_entries set at = '2020-01-01' where seq <= 3")]
    [InlineData("update audit_entries set actor = 'nobody', at = '2020-01-01' where seq = 1")]
    public async Task D7_What_was_changed_is_not_cut(string change)
    {
        await WriteAsync(5);
        await AsOwnerAsync(change);

        var kept = await Assert.ThrowsAsync<InvalidDataException>(() => Trail.CutAsync(DateTimeOffset.UtcNow.AddYears(-1), default));

        Assert.Contains("Entry 1 does not fit its hash", kept.Message, StringComparison.Ordinal);
        Assert.Equal(5, await Database.ScalarAsync<long>("select count(*) from audit_entries"));
        Assert.NotNull(await ProblemAsync());
    }

    [Theory]
    [InlineData("update audit_entries set detail = ''")]
    [InlineData("delete from audit_entries")]
    [InlineData("truncate audit_entries")]
    public async Task The_database_lets_nothing_be_changed_by_mistake(string statement)
    {
        await WriteAsync(2);
        await using var connection = await Database.OpenConnectionAsync();

        var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.ExecuteAsync(statement));

        Assert.Contains("neither changed nor deleted", refused.MessageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_act_that_is_taken_back_leaves_no_entry()
    {
        await WriteAsync(1);
        await using (var connection = await Database.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await Trail.WriteAsync(connection, Ada, [new(AuditAction.RoleChanged, "bob")], default);
            await transaction.RollbackAsync();
        }
        Assert.Equal(1, (await Reader.CheckAsync(null, default)).Last);
    }

    private async Task<string?> ProblemAsync(AuditCheckView? known = null)
        => (await Reader.CheckAsync(known is null ? null : (known.Last, known.Hash), default)).Problem;

    private async Task WriteAsync(int count)
    {
        await new Migrator(Database).ApplyAsync();
        for (var n = 1; n <= count; n++) await Trail.WriteAsync(Ada, new(AuditAction.LinkMade, $"user {n}"), default);
    }

    // Who can write to the database can also leave the trigger out.
    private async Task AsOwnerAsync(string change)
    {
        await using var connection = await Database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            $"alter table audit_entries disable trigger user; {change}; alter table audit_entries enable trigger user");
    }
}
