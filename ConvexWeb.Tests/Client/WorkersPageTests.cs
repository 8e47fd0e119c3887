using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Workers;

namespace ConvexWeb.Tests.Client;

public sealed class WorkersPageTests : PageContext
{
    [Fact]
    public void A_run_that_starts_is_seen_at_its_worker_and_its_progress_asks_for_nothing()
    {
        var page = Open<WorkersPage>("workers");
        Assert.Empty(page.FindAll("[data-testid=slot]"));
        Workers.Runs = [1];
        var running = Runs.Add(1, r => r with { State = RunState.Running, Worker = "w", Attempt = 1 }).Row;

        Feed.Tell(running);

        page.WaitForAssertion(() => Assert.Equal("run 1", page.Find("[data-testid=slot]").TextContent.Trim()));
        Feed.Tell(running with { Step = 50 });
        Assert.Equal(2, Workers.Asked);
    }

    [Fact]
    public void A_worker_shows_version_devices_and_why_it_takes_nothing()
    {
        Workers.Change = worker => worker with
        {
            Version = "1.2.3",
            Draining = true,
            Refused = "It is of another version.",
            Devices = [new("cuda:0", "H200", 143360, 10240, 87.4, 61, 412), new("cuda:1", null, null, null, null, null, null)],
        };

        var page = Open<WorkersPage>("workers");

        page.WaitForAssertion(() => Assert.Contains("1.2.3", page.Markup, StringComparison.Ordinal));
        Assert.Contains("87 %, 10.0 of 140.0 GB, 61 °C, 412 W", page.Markup, StringComparison.Ordinal);
        Assert.Contains("no figures", page.Markup, StringComparison.Ordinal);
        Assert.Contains("Draining", page.Markup, StringComparison.Ordinal);
        Assert.Contains("It is of another version.", page.Markup, StringComparison.Ordinal);
    }
}
