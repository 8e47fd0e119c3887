using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Microsoft.AspNetCore.Identity;

namespace ConvexWeb.Tests.Persistence;

/// <summary>A lab of the first version (schema 7), brought to this one in one go.</summary>
public sealed class UpgradeTests(PostgresCluster cluster) : DatabaseTest(cluster, migrated: false)
{
    private const int FirstVersion = 7;
    private const string Password = "a quiet violet hill";

    [Fact]
    public async Task Accounts_tokens_runs_points_and_certificates_are_those_of_before()
    {
        await new Migrator(Database, [.. Migration.Embedded.Where(migration => migration.Number <= FirstVersion)]).ApplyAsync();
        var hash = new PasswordHasher<User>().HashPassword(new User(), Password);
        await Database.ExecuteAsync(
            """
            insert into users (id, user_name, normalized_user_name, password_hash, is_admin, lockout_end, access_failed_count)
            values ('00000000-0000-0000-0000-000000000001', 'ada', 'ADA', @hash, true, null, 0),
                ('00000000-0000-0000-0000-000000000002', 'bob', 'BOB', @hash, false, now() + interval '1 hour', 9);
            insert into api_tokens (id, user_id, name, secret_hash, created_at)
            select gen_random_uuid(), id, 'script', 'hash of ' || user_name, now() from users;
            insert into sessions (id, user_id, ticket, created_at, expires_at)
            select 'hash', id, '', now(), now() + interval '1 hour' from users limit 1
            """, new { hash });
        var runs = new List<long>();
        foreach (var state in new[] { "Succeeded", "Running", "Queued" })
            runs.Add(await Database.AddOldRunAsync(state, attempt: state == "Queued" ? 0 : 1, createdBy: "bob"));
        await Database.ExecuteAsync(
            """
            insert into metrics (name) values ('train/loss_running');
            insert into attempts (run_id, number, worker, lease_until, ended_at, outcome)
            values (@done, 1, 'w', now(), now(), 'succeeded'), (@running, 1, 'w', now(), null, null);
            insert into points (run_id, metric_id, step, attempt, epoch, value, seq, at)
            select @done, 1, n, 1, n / 5.0, n + 0.25, n, now() from generate_series(1, 20) n;
            update runs set last_seq = 20, step = 20 where id = @done;
            insert into log_lines (run_id, attempt, n, at, level, text) values (@done, 1, 1, now(), 'info', 'begun');
            insert into checkpoints (run_id, attempt, kind, step, bytes, sha256) values (@done, 1, 'last', 20, 3, 'x');
            insert into certificates (run_id, attempt, kind, step, sha256, pairs, state, claim, worker, requested_by, requested_at)
            values (@done, 1, 'last', 20, 'x', 50, 'done', 1, 'w', 'bob', now())
            """, new { done = runs[0], running = runs[1] });

        await new Migrator(Database).ApplyAsync();

        // Who was locked out by guesses is not any more, and the password is the same.
        Assert.Equal([("ada", true), ("bob", false)], await Database.RowsAsync<(string, bool)>(
            "select user_name, is_admin from users where disabled_at is null and deleted_at is null order by user_name"));
        Assert.NotEqual(PasswordVerificationResult.Failed, new PasswordHasher<User>().VerifyHashedPassword(
            new User(), await Database.ScalarAsync<string>("select password_hash from users where user_name = 'bob'"), Password));
        Assert.Equal([("script", "Manage", true)], await Database.RowsAsync<(string, string, bool)>(
            "select distinct name, scope, expires_at > now() + interval '300 days' from api_tokens"));
        Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from sessions"));

        Assert.Equal(
            [(runs[0], "Succeeded"), (runs[1], "Running"), (runs[2], "Queued")],
            await Database.RowsAsync<(long, string)>("select run_id, state from work_items where kind = 'run' order by run_id"));
        await Database.AssertWholeAsync(runs[0]);
        Assert.Equal("x", await Database.ScalarAsync<string>("select sha256 from checkpoints"));
        Assert.Equal("Succeeded", await Database.ScalarAsync<string>("select state from work_items where kind = 'certificate'"));
        Assert.Null((await new AuditReader(Database).CheckAsync(known: null, default)).Problem);

        // What ran is taken up again, and what waited is trained.
        await Database.LoseAsync(runs[1]);
        await using var node = await StartNodeAsync();
        foreach (var run in runs) await Database.UntilAsync(run, RunState.Succeeded);
    }
}
