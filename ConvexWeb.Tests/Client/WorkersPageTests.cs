using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Workers;

namespace ConvexWeb.Tests.Client;

public sealed class WorkersPageTests : PageContext
{
    [Fact]
    public void A_run_that_starts_is_seen_at_its_worker_and_its_progress_asks_for_nothing()
    {
        var page = Open<WorkersPage>("workers");
        Assert.Empty(page.FindAll(".slot.used"));
        Workers.Runs = [1];
        var running = Runs.Add(1, r => r with { State = RunState.Running, Worker = "w", Attempt = 1 }).Row;

        Feed.Tell(running);

        page.WaitForAssertion(() => Assert.Equal("run 1", page.Find(".slot.used").TextContent.Trim()));
        Feed.Tell(running with { Step = 50 });
        Assert.Equal(2, Workers.Asked);
    }
}
