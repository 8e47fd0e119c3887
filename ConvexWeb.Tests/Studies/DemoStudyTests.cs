using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Studies;

public sealed class DemoHost(PostgresCluster cluster) : ServerHost(cluster)
{
    protected override IEnumerable<KeyValuePair<string, string>> Settings => [new("Convex:Demo", "true")];
}

[Trait("kind", "database")]
public sealed class DemoStudyTests(DemoHost host) : IClassFixture<DemoHost>
{
    [Fact]
    public async Task An_empty_server_gets_the_demo_study()
    {
        using var client = await host.UserAsync();
        Page<RunRow> page;
        do
        {
            page = await client.GetAsync<Page<RunRow>>("/api/v1/runs");
        }
        while (page.Total == 0);

        Assert.Equal(8, page.Total);
        Assert.All(page.Items, run => Assert.Equal("Demo: who memorises?", run.Study));
        Assert.Equal(4, page.Items.Select(run => (run.Convexity, run.Labels)).Distinct().Count());
    }
}
