using System.Net;
using System.Text.Json.Nodes;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Scheduling;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Hangfire;
using Hangfire.Common;
using Hangfire.States;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Api;

/// <summary>Hangfire's dashboard behind our session: strangers are sent away, users look, administrators act.</summary>
[Trait("kind", "database")]
public sealed class DashboardTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task A_stranger_sees_nothing()
    {
        using var client = host.Anonymous();
        foreach (var path in new[] { "/hangfire", "/hangfire/jobs/enqueued", "/hangfire/js123", "/hangfire/stats" })
        {
            using var response = await client.GetAsync(path);
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Figures_are_posted_for_and_a_get_is_refused_with_a_sentence(bool isAdmin)
    {
        var (browser, _) = await SignedInAsync(isAdmin);
        using var __ = browser;

        using var response = await browser.Client.GetAsync("/hangfire/stats");

        var problem = await response.ReadAsync<JsonObject>(HttpStatusCode.MethodNotAllowed);
        Assert.Equal("GET is not possible here; POST is.", (string)problem["detail"]!);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_user_looks_and_only_an_administrator_deletes_a_ticket(bool isAdmin)
    {
        var job = new BackgroundJobClient(host.Services.GetRequiredService<JobStorage>())
            .Create(Job.FromExpression<WorkTicket>(ticket => ticket.UseAsync(null!)), new EnqueuedState("cpu"));
        var (browser, user) = await SignedInAsync(isAdmin);
        using var _ = browser;

        var page = await browser.Client.GetStringAsync("/hangfire/jobs/enqueued/cpu");
        Assert.Contains("WorkTicket", page, StringComparison.Ordinal);
        Assert.Equal(isAdmin, page.Contains("Delete selected", StringComparison.Ordinal));

        using var unsigned = await browser.Client.PostAsync("/hangfire/jobs/enqueued/delete", Field(job));
        Assert.Equal(HttpStatusCode.Forbidden, unsigned.StatusCode);
        Assert.Equal("Enqueued", await StateAsync(job));

        using var signed = await browser.PostAsync("/hangfire/jobs/enqueued/delete", user.Id, ("jobs[]", job));
        Assert.Equal(isAdmin ? HttpStatusCode.NoContent : HttpStatusCode.Unauthorized, signed.StatusCode);
        Assert.Equal(isAdmin ? "Deleted" : "Enqueued", await StateAsync(job));
        Assert.Equal(
            isAdmin ? ["/hangfire/jobs/enqueued/delete: " + job] : [],
            await host.Database.RowsAsync<string>(
                "select distinct subject || ': ' || detail from audit_entries where actor = @UserName and action = 'JobsAsked'",
                new { user.UserName }));
    }

    [Theory]
    [InlineData("/jobs/details/abc")]
    [InlineData("/jobs/details/99999999999999999999")]
    [InlineData("/jobs/details/-1")]
    public async Task D10_What_is_no_number_of_a_job_is_not_there(string path)
    {
        var (browser, _) = await SignedInAsync(isAdmin: false);
        using var __ = browser;

        using var response = await browser.Client.GetAsync("/hangfire" + path);

        var problem = await response.ReadAsync<JsonObject>(HttpStatusCode.NotFound);
        Assert.Contains("is not the number of a job", (string)problem["detail"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/jobs/actions/requeue/abc", "", HttpStatusCode.NotFound)]
    [InlineData("/jobs/actions/delete/99999999999999999999", "", HttpStatusCode.NotFound)]
    [InlineData("/jobs/succeeded/requeue", "abc", HttpStatusCode.NotFound)]
    [InlineData("/jobs/failed/requeue", "99999999999999999999", HttpStatusCode.NotFound)]
    [InlineData("/recurring/trigger", "", HttpStatusCode.UnprocessableEntity)]
    public async Task D10_A_wrong_request_of_an_administrator_is_refused_with_a_sentence(string path, string job, HttpStatusCode status)
    {
        var (browser, user) = await SignedInAsync(isAdmin: true);
        using var _ = browser;

        (string, string?)[] fields = job.Length > 0 ? [("jobs[]", job)] : [];
        using var response = await browser.PostAsync("/hangfire" + path, user.Id, fields);

        var problem = await response.ReadAsync<JsonObject>(status);
        Assert.NotEmpty((string)problem["detail"]!);
    }

    [Fact]
    public async Task Other_methods_get_no_page()
    {
        var (browser, _) = await SignedInAsync(isAdmin: true);
        using var __ = browser;

        using var response = await browser.Client.SendAsync(new(HttpMethod.Options, "/hangfire/"));

        var problem = await response.ReadAsync<JsonObject>(HttpStatusCode.MethodNotAllowed);
        Assert.Equal("OPTIONS is not possible here; GET, HEAD and POST are.", (string)problem["detail"]!);
    }

    [Fact]
    public async Task A_session_that_ends_ends_here_too()
    {
        var (browser, user) = await SignedInAsync(isAdmin: true);
        using var _ = browser;
        await host.Database.ScalarAsync<Guid>("delete from sessions where user_id = @Id returning user_id", new { user.Id });

        using var response = await browser.Client.GetAsync("/hangfire");

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    private async Task<(Forms Browser, User User)> SignedInAsync(bool isAdmin)
    {
        var user = await host.AddUserAsync(isAdmin: isAdmin);
        var browser = new Forms(host);
        await browser.SignInAsync(user.UserName!);
        return (browser, user);
    }

    private Task<string> StateAsync(string job)
        => host.Database.ScalarAsync<string>("select statename from hangfire.job where id = @id", new { id = long.Parse(job) });

    private static FormUrlEncodedContent Field(string job) => new([KeyValuePair.Create("jobs[]", job)]);
}
