using System.Net;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Api;

/// <summary>What people and programs read when the database is away. It takes its own apart, so it has a host of its own.</summary>
[Trait("kind", "database")]
public sealed class OutagePageTests(PostgresCluster cluster) : ServerHost(cluster)
{
    // What it brings about is meant, and no news in the test's log.
    protected override IEnumerable<KeyValuePair<string, string>> Settings => [new("Logging:LogLevel:Default", "None")];

    [Fact]
    public async Task People_read_a_page_and_programs_problem_details()
    {
        var user = await AddUserAsync();
        using var browser = new Forms(this);
        await browser.SignInAsync(user.UserName!);
        Assert.NotNull(browser.Session);
        await Database.ScalarAsync<int>("alter table sessions rename to gone; select 1");

        using var forProgram = await browser.Client.GetAsync("/api/v1/runs");
        browser.Client.DefaultRequestHeaders.Add("Accept", "text/html");
        using var forPerson = await browser.Client.GetAsync("/");

        Assert.Equal(HttpStatusCode.InternalServerError, forProgram.StatusCode);
        Assert.Equal("application/problem+json", forProgram.Content.Headers.ContentType!.MediaType);
        Assert.Equal(HttpStatusCode.InternalServerError, forPerson.StatusCode);
        Assert.Equal("text/html", forPerson.Content.Headers.ContentType!.MediaType);
        Assert.Contains("Try again", await forPerson.Content.ReadAsStringAsync());
    }
}
