using ConvexWeb.Server;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Backups;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Scheduling;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Tests.Scheduling;

/// <summary>What is done every hour or day, and that one node does it for all.</summary>
public sealed class MaintenanceTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private const string Done = "select count(*) = @times from hangfire.job where statename = 'Succeeded'";
    private readonly ListLogger<Maintenance> log = new();

    [Fact]
    [Trait("kind", "slow")]
    public async Task Of_two_nodes_one_does_each_job_that_is_due_and_its_result_is_a_sentence()
    {
        await using var first = await StartNodeAsync(("Convex:Role", "web"), ("Convex:Worker:Name", "web-1"));
        await using var second = await StartNodeAsync(("Convex:Role", "web"), ("Convex:Worker:Name", "web-2"));
        await Database.UntilAsync("select count(*) = 2 from hangfire.server");
        Assert.Equal(
            Maintenance.Schedule.Select(job => job.Id).Order(),
            await Database.RowsAsync<string>("select value from hangfire.set where key = 'recurring-jobs' order by value"));
        Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from hangfire.job"));

        for (var round = 1; round <= 2; round++)
        {
            // As if all of them had been missed since long ago: each is made up for once.
            await Database.ScalarAsync<int>(
                """
                update hangfire.hash set value = '2020-01-01T00:00:00.0000000Z'
                where key like 'recurring-job:%' and field in ('CreatedAt', 'LastExecution', 'NextExecution');
                update hangfire.set set score = 1577836800 where key = 'recurring-jobs' returning 1
                """);
            await Database.UntilAsync(Done, new { times = round * Maintenance.Schedule.Count });
        }

        Assert.Equal(2 * Maintenance.Schedule.Count, await Database.ScalarAsync<long>("select count(*) from hangfire.job"));
        Assert.Equal(
            [
                "0 entries of the audit trail older than 1095 days are taken out",
                "0 idempotency keys older than a day are forgotten",
                "0 links that were used or over are forgotten",
                "0 log lines of runs that ended 90 days ago are forgotten",
                "0 samples of workers older than 7 days are forgotten",
                "0 sessions that were over are forgotten",
                "0 tokens that were revoked 30 days ago are forgotten",
                "No backup is written: Convex:Backup:Folder names no folder",
            ],
            await Database.RowsAsync<string>(
                "select distinct trim('\"' from data->>'Result') from hangfire.state where name = 'Succeeded' order by 1"));
    }

    [Theory]
    [InlineData("web", "web-1-maintenance")]
    [InlineData("worker", "web-1")]
    [InlineData("both", "web-1,web-1-maintenance")]
    public async Task A_node_has_the_slots_of_its_role(string role, string servers)
    {
        await using var node = await StartNodeAsync(("Convex:Role", role), ("Convex:Worker:Name", "web-1"));

        await Database.UntilAsync(
            """
            select string_agg(name, ',' order by name) = @servers
            from (select regexp_replace(id, ':.*', '') as name from hangfire.server) known
            """, new { servers });
        Assert.Equal(
            role == "worker" ? 0 : 1,
            await Database.ScalarAsync<long>("select count(*) from hangfire.server where data->'Queues' @> '[\"maintenance\"]'"));
    }

    [Fact]
    public async Task Sessions_that_are_over_are_forgotten()
    {
        await AddUserAsync();
        await Database.ScalarAsync<int>(
            """
            insert into sessions (id, user_id, secret_hash, device, network, created_at, last_used_at, expires_at, proved_at)
            select gen_random_uuid(), u.id, s.id, 'd', 'n', now() - created, now(), now() + expires, now() from users u,
                (values ('alive', interval '6 days', interval '1 minute'),
                        ('unused', interval '1 day', interval '-1 minute'),
                        ('old', interval '8 days', interval '1 hour')) s(id, created, expires)
            returning 1
            """);

        Assert.Equal("2 sessions that were over are forgotten", await Jobs().ForgetSessionsAsync(default));
        Assert.Equal("0 sessions that were over are forgotten", await Jobs().ForgetSessionsAsync(default));
        Assert.Equal(["alive"], await Database.RowsAsync<string>("select secret_hash from sessions"));
        Assert.Equal("Maintenance: 2 sessions that were over are forgotten", log.Lines[0]);
    }

    [Fact]
    public async Task Links_that_are_used_or_over_are_forgotten()
    {
        await Database.ScalarAsync<int>(
            """
            insert into invites (id, secret_hash, is_admin, created_at, expires_at, used_at)
            select gen_random_uuid(), name, false, now() - interval '1 hour', now() + expires, used from
                (values ('open', interval '1 hour', null), ('over', interval '-1 minute', null),
                        ('used', interval '1 hour', now())) i(name, expires, used)
            returning 1
            """);

        Assert.Equal("2 links that were used or over are forgotten", await Jobs().ForgetLinksAsync(default));
        Assert.Equal(["open"], await Database.RowsAsync<string>("select secret_hash from invites"));
    }

    [Fact]
    public async Task Samples_of_workers_are_forgotten_after_a_week()
    {
        await Database.ScalarAsync<int>(
            """
            insert into worker_samples (worker, at, device)
            select 'w', now() - age, 'cpu' from unnest(array[interval '169 hours', interval '167 hours']) as age returning 1
            """);

        Assert.Equal("1 samples of workers older than 7 days are forgotten", await Jobs().ForgetSamplesAsync(default));
        Assert.Equal(1, await Database.ScalarAsync<long>("select count(*) from worker_samples"));
    }

    [Fact]
    public async Task Tokens_that_were_revoked_long_ago_are_forgotten()
    {
        await AddUserAsync();
        await Database.ScalarAsync<int>(
            """
            insert into api_tokens (id, user_id, name, scope, secret_hash, created_at, expires_at, revoked_at)
            select gen_random_uuid(), u.id, name, 'Read', name, now() - interval '1 year', expires, revoked from users u,
                (values ('works', now() + interval '1 day', null), ('expired', now() - interval '90 days', null),
                        ('revoked', now(), now() - interval '29 days'),
                        ('long ago', now(), now() - interval '31 days')) t(name, expires, revoked)
            returning 1
            """);

        Assert.Equal("1 tokens that were revoked 30 days ago are forgotten", await Jobs().ForgetTokensAsync(default));
        Assert.Equal(["expired", "revoked", "works"], await Database.RowsAsync<string>("select name from api_tokens order by name"));
    }

    [Fact]
    public async Task Log_lines_of_runs_that_ended_long_ago_are_forgotten_and_nothing_else_of_them()
    {
        foreach (var (name, state, ended) in new[]
                 {
                     ("new", "Succeeded", "6 days"), ("old", "Succeeded", "8 days"), ("failed", "Failed", "8 days"),
                     ("again", "Queued", "8 days"), ("running", "Running", "8 days"),
                 })
        {
            var run = await Database.AddRunAsync();
            await Database.ScalarAsync<int>(
                """
                update runs set name = @name where id = @run;
                update work_items set state = @state, finished_at = now() - @ended::interval where run_id = @run;
                insert into log_lines (run_id, attempt, n, at, level, text) select @run, 1, n, now(), 'info', 'line' from
                    generate_series(1, 3) n returning 1
                """, new { run, name, state, ended });
        }
        for (var i = 0; i < 60; i++)
        {
            // More runs than are done at once.
            var run = await Database.AddRunAsync();
            await Database.ScalarAsync<int>(
                """
                update runs set name = 'many' where id = @run;
                update work_items set state = 'Cancelled', finished_at = now() - interval '1 year' where run_id = @run;
                insert into log_lines (run_id, attempt, n, at, level, text) values (@run, 1, 1, now(), 'info', 'line') returning 1
                """, new { run });
        }

        Assert.Equal("66 log lines of runs that ended 7 days ago are forgotten", await Jobs(logDays: 7).ForgetLogsAsync(default));
        Assert.Equal("0 log lines of runs that ended 7 days ago are forgotten", await Jobs(logDays: 7).ForgetLogsAsync(default));
        Assert.Equal(
            ["again", "again", "again", "new", "new", "new", "running", "running", "running"],
            await Database.RowsAsync<string>("select r.name from log_lines l join runs r on r.id = l.run_id order by r.name"));
        Assert.Equal(65, await Database.ScalarAsync<long>("select count(*) from runs"));
    }

    [Theory]
    [InlineData("Convex:Retention:LogDays", "0")]
    [InlineData("Convex:Queue", "maintenance")]
    [InlineData("Convex:Worker:Queues", "cpu,maintenance")]
    public async Task What_cannot_be_is_refused_at_the_start(string setting, string value)
    {
        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => StartNodeAsync((setting, value)));
        Assert.Contains(setting, refused.Message, StringComparison.Ordinal);
    }

    private Maintenance Jobs(int logDays = 90)
    {
        var settings = Options.Create(new Settings { Data = Folder, Retention = new() { LogDays = logDays } });
        var trail = new AuditTrail(Database, TimeProvider.System);
        var backup = new NightlyBackup(
            Database, new(Database, new RunFolders(settings), TimeProvider.System), trail, settings, TimeProvider.System);
        return new(Database, trail, backup, settings, TimeProvider.System, log);
    }

    private Task<int> AddUserAsync() => Database.ScalarAsync<int>(
        "insert into users (id, user_name, normalized_user_name) values (gen_random_uuid(), 'ada', 'ADA') returning 1");
}
