using System.Net;
using System.Net.WebSockets;
using System.Reflection;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Live;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Live;

[Trait("kind", "database")]
public sealed class LiveHubTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task Points_come_to_whoever_watches_the_run_numbered_without_a_hole()
    {
        var (client, id, hub) = await WatchedAsync();
        using var _ = client;
        await using var __ = hub;
        await host.Database.AddPointsAsync(id, 1, "train/loss", (1, 0.5), (2, double.NaN));
        var started = await hub.InvokeAsync<List<WatchedRun>>("watch", new[] { id });
        Assert.Equal(new WatchedRun(id, 2), started.Single());

        var seq = 2L;
        for (var step = 3; step <= 8; step++) await host.Database.AddPointsAsync(id, 1, "train/loss", (step, step));
        var values = new List<double>();
        while (seq < 8)
        {
            var batch = await hub.NextAsync<PointBatch>("points");
            Assert.Equal((id, seq), (batch.RunId, batch.After));
            Assert.InRange(DateTimeOffset.UtcNow - batch.At!.Value, TimeSpan.FromSeconds(-1), TimeSpan.FromSeconds(10));
            values.AddRange(batch.Series.Single().Values);
            seq = batch.Seq;
        }
        Assert.Equal([3.0, 4, 5, 6, 7, 8], values);
    }

    [Fact]
    public async Task A_resumed_attempt_says_from_where_to_drop()
    {
        var (client, id, hub) = await WatchedAsync();
        using var _ = client;
        await using var __ = hub;
        await hub.InvokeAsync<List<WatchedRun>>("watch", new[] { id });
        await host.Database.AddPointsAsync(id, 1, "gap", (10, 1), (20, 2));
        Assert.Null((await hub.NextAsync<PointBatch>("points", batch => batch.Seq == 2)).Rewind);

        await host.Database.StartAttemptAsync(id, attempt: 2, resumedStep: 10);
        await host.Database.AddPointsAsync(id, 2, "gap", (20, 3));

        var batch = await hub.NextAsync<PointBatch>("points");
        Assert.Equal((10L, 2, 3.0), (batch.Rewind, batch.Attempt, batch.Series.Single().Values.Single()));
    }

    [Fact]
    public async Task A_browser_that_does_not_read_holds_up_nobody_and_is_cut_off()
    {
        var (client, flooded, hub) = await WatchedAsync();
        using var ___ = client;
        await using var __ = hub;
        var other = await client.SubmitAsync();
        await host.Database.StartAttemptAsync(other);
        await hub.InvokeAsync<List<WatchedRun>>("watch", new[] { other });
        var secret = client.DefaultRequestHeaders.Authorization!.Parameter;
        await using var deaf = await HubClient.ConnectDeafAsync(
            host, options => options.SetRequestHeader("Authorization", "Bearer " + secret));
        await deaf.SendAsync("watch", new[] { flooded });
        // The deaf connection gets no answer, so its entry in the list is looked for.
        while (!host.Services.GetRequiredService<WatchList>().IsWatched(flooded)) await Task.Delay(10); // between two looks

        // Far more than the buffers between server and browser hold.
        await host.Database.AddPointsAsync(flooded, 1, "flood", (1, 1));
        var waits = new List<double>();
        for (var i = 0; i < 12; i++)
        {
            var more = Enumerable.Range((40_000 * i) + 2, 40_000).Select(step => ((long)step, 0.123456789));
            await host.Database.AddPointsAsync(flooded, 1, "flood", [.. more]);
            var asked = TimeProvider.System.GetTimestamp();
            await host.Database.AddPointsAsync(other, 1, "gap", (i + 1, 1));
            await hub.NextAsync<PointBatch>("points", batch => batch.Seq == i + 1);
            waits.Add(TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds);
        }
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine(
            $"Waited for the other run's points: {string.Join(", ", waits.Select(wait => $"{wait:0}"))} ms");
        Assert.True(waits.Order().ElementAt(6) < 1500, string.Join(", ", waits.Select(wait => $"{wait:0}")));

        await Task.Delay(TimeSpan.FromSeconds(5.5)); // longer than a connection may leave what waits for it
        await host.Database.AddPointsAsync(flooded, 1, "gap", (1, 1));
        await hub.InvokeAsync<List<WatchedRun>>("watch", new[] { flooded });
        // Being cut off is seen in the list, too.
        while (host.Services.GetRequiredService<WatchList>().WatchersOf(flooded).Count > 1) await Task.Delay(20); // between two looks
        deaf.Read();
        await deaf.Closed;
    }

    [Fact]
    public async Task After_unwatch_nothing_more_comes()
    {
        var (client, id, hub) = await WatchedAsync();
        using var _ = client;
        await using var __ = hub;
        var other = await client.SubmitAsync();
        await host.Database.StartAttemptAsync(other);
        await hub.InvokeAsync<List<WatchedRun>>("watch", new[] { id, other });
        await hub.InvokeAsync<JsonNode>("unwatch", new[] { id });

        await host.Database.AddPointsAsync(id, 1, "gap", (1, 1));
        await host.Database.AddPointsAsync(other, 1, "gap", (1, 1));

        Assert.Equal(other, (await hub.NextAsync<PointBatch>("points")).RunId);
    }

    [Fact]
    public async Task A_broken_listening_connection_loses_nothing()
    {
        var (client, id, hub) = await WatchedAsync();
        using var _ = client;
        await using var __ = hub;
        await hub.InvokeAsync<List<WatchedRun>>("watch", new[] { id });
        await using (var connection = await host.Database.OpenConnectionAsync())
        {
            await connection.ExecuteAsync(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and query ilike 'listen%' and pid <> pg_backend_pid()
                """);
        }

        await host.Database.AddPointsAsync(id, 1, "gap", (1, 1));

        Assert.Equal(1, (await hub.NextAsync<PointBatch>("points")).Seq);
    }

    [Fact]
    public async Task A_stranger_and_a_page_of_another_origin_are_refused()
    {
        using var stranger = host.Anonymous();
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.PostAsync("/hubs/live/negotiate?negotiateVersion=1", null)).StatusCode);
        await Assert.ThrowsAsync<WebSocketException>(() => HubClient.ConnectAsync(host, _ => { }));

        var user = await host.AddUserAsync();
        using var browser = new Forms(host);
        await browser.SignInAsync(user.UserName!);
        await Assert.ThrowsAsync<WebSocketException>(() => HubClient.ConnectAsync(host, options =>
        {
            options.SetRequestHeader("Cookie", browser.CookieHeader);
            options.SetRequestHeader("Origin", "http://evil.example");
        }));
    }

    // At once: what is only seen by the look of every ten seconds is mostly later than this waits, and no row of the table passes by luck.
    [Theory]
    [InlineData("sign-out")]
    [InlineData("password")]
    [InlineData("role")]
    [InlineData("disabling")]
    [InlineData("deletion")]
    [InlineData("all tokens revoked")]
    [InlineData("second factor removed")]
    [InlineData("password again")] // D21: what a copy of the cookie has opened has nothing of it
    public async Task D2_D3_What_ends_a_session_closes_its_connection_at_once(string what)
    {
        await using var person = await Person.SignInAsync(host);
        await using var admin = await Person.SignInAsync(host, isAdmin: true);
        var users = $"/api/v1/users/{person.User.Id}";
        if (what == "second factor removed")
        {
            await host.Database.ExecuteAsync(
                "insert into second_factors (user_id, secret, made_at, confirmed_at) values (@Id, '', now(), now())",
                new { person.User.Id });
        }
        await using var hub = await HubClient.ConnectAsync(
            host, options => options.SetRequestHeader("Cookie", person.Browser.CookieHeader));
        await hub.InvokeAsync<JsonNode>("watch", Array.Empty<long>());

        using var done = what switch
        {
            "sign-out" => await person.Browser.PostAsync("/account/signout", person.User.Id),
            "password" => await person.Browser.PostAsync(
                "/account/password", person.User.Id, ("current", ServerHost.Password), ("password", "another silent meadow")),
            "role" => await admin.Client.PatchJsonAsync(users, """{"isAdmin":true}"""),
            "disabling" => await admin.Client.PatchJsonAsync(users, """{"isDisabled":true}"""),
            "deletion" => await admin.Client.DeleteAsync(users),
            "password again" => await person.Browser.PostAsync(
                "/account/confirm", person.User.Id, ("password", ServerHost.Password), ("returnUrl", "/account")),
            "all tokens revoked" => await admin.Client.DeleteAsync($"{users}/tokens"),
            _ => await admin.Client.DeleteAsync($"{users}/second-factor"),
        };

        Assert.True((int)done.StatusCode < 400, $"{done.StatusCode}");
        await hub.Closed.WaitAsync(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task D3_A_token_that_is_revoked_closes_its_connection_at_once()
    {
        await using var person = await Person.SignInAsync(host);
        var token = await (await person.Client.PostJsonAsync("/api/v1/tokens", """{"name":"live","scope":"Read","daysValid":7}"""))
            .ReadAsync<NewToken>(HttpStatusCode.Created);
        await using var hub = await HubClient.ConnectAsync(
            host, options => options.SetRequestHeader("Authorization", "Bearer " + token.Secret));
        await hub.InvokeAsync<JsonNode>("watch", Array.Empty<long>());

        (await person.Client.DeleteAsync($"/api/v1/tokens/{token.Token.Id}")).Dispose();

        await hub.Closed.WaitAsync(TimeSpan.FromSeconds(3));
    }

    // The access matrix has the door; this is what is behind it.
    [Fact]
    public void The_hub_has_these_methods_and_no_other()
        => Assert.Equal(
            ["Unwatch", "Watch"],
            typeof(LiveHub).GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
                .Select(method => method.Name).Except([nameof(LiveHub.OnConnectedAsync), nameof(LiveHub.OnDisconnectedAsync)]).Order());

    [Fact]
    public async Task A_connection_may_watch_only_so_many_runs()
    {
        var (client, _, hub) = await WatchedAsync();
        using var ___ = client;
        await using var __ = hub;

        var problem = await Assert.ThrowsAsync<InvalidOperationException>(
            () => hub.InvokeAsync<JsonNode>("watch", Enumerable.Range(1, 201).ToArray()));
        Assert.Contains("200", problem.Message, StringComparison.Ordinal);
    }

    private async Task<(HttpClient Client, long Run, HubClient Hub)> WatchedAsync()
    {
        var secret = await host.TokenAsync(await host.AddUserAsync());
        var client = host.WithToken(secret);
        var id = await client.SubmitAsync();
        await host.Database.StartAttemptAsync(id);
        return (client, id, await HubClient.ConnectAsync(host, options => options.SetRequestHeader("Authorization", "Bearer " + secret)));
    }
}
