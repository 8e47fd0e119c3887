using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Accounts;

/// <summary>An administrator who has lost everything comes in again by a command, as a process of its own.</summary>
[Trait("kind", "slow")]
public sealed class SecondFactorCommandTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    [Fact]
    public async Task It_turns_a_second_factor_off_ends_the_sessions_and_is_in_the_audit_trail()
    {
        await Database.ExecuteAsync(
            """
            insert into users (id, user_name, normalized_user_name) values ('0f3e9e0a-0000-0000-0000-000000000001', 'ada', 'ADA');
            insert into second_factors (user_id, secret, made_at, confirmed_at) select id, 'protected', now(), now() from users;
            insert into recovery_codes (user_id, code_hash) select id, 'hash' from users;
            insert into sessions (id, user_id, secret_hash, device, network, created_at, last_used_at, expires_at, proved_at)
            select gen_random_uuid(), id, 'hash', 'Firefox', '10.0.0.1', now(), now(), now() + interval '1 hour', now() from users
            """);

        Assert.Equal(0, (await OffAsync("Ada")).Code);

        Assert.Equal(0, await Database.ScalarAsync<long>(
            "select (select count(*) from second_factors) + (select count(*) from recovery_codes) + (select count(*) from sessions)"));
        Assert.Equal("SecondFactorRemoved", await Database.ScalarAsync<string>("select action from audit_entries"));
        Assert.Equal((1, "ada has no second factor."), await OffAsync("ada"));
        Assert.Equal((1, "There is no account 'bob'."), await OffAsync("bob"));
        Assert.Equal(2, (await ServerCommand.RunAsync(ConnectionString, Folder, "second-factor", "on")).Code);
    }

    private async Task<(int Code, string Said)> OffAsync(string name)
    {
        var (code, said) = await ServerCommand.RunAsync(ConnectionString, Folder, "second-factor", "off", name);
        return (code, said.Trim());
    }
}
