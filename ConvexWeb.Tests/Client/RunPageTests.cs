using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Runs;

namespace ConvexWeb.Tests.Client;

public sealed class RunPageTests : PageContext
{
    [Fact]
    public void While_it_is_read_its_shape_is_shown()
    {
        Runs.Gate = new TaskCompletionSource();

        Assert.NotEmpty(Open(1).FindAll("[aria-label=Loading]"));
    }

    [Fact]
    public void A_run_that_does_not_exist_is_said_not_to()
    {
        Assert.Equal("There is no run 1", Open(1).Find("h1").TextContent);
    }

    [Fact]
    public void The_head_shows_the_gap_with_its_direction()
    {
        Runs.Add(1, r => r with
        {
            State = RunState.Running,
            Gap = 40.5,
            TrainAccuracy = 95.5,
            TestAccuracy = 55,
            Spark = [new(1, 50, 45), new(2, 70, 50), new(3, 95.5, 55)],
        });

        var head = Open(1).Find("[data-testid=run-head]");

        Assert.Contains("+40.50", head.TextContent);
        Assert.Equal("▲", head.QuerySelector("[data-testid=trend]")!.TextContent);
        Assert.Contains(head.QuerySelectorAll("button"), b => b.TextContent.Trim() == "Cancel");
    }

    [Fact]
    public void A_failed_run_says_why_before_everything_else()
    {
        Runs.Add(1, r => r with { State = RunState.Failed, Reason = "The loss became NaN at step 240." });

        var page = Open(1);

        Assert.Contains("The loss became NaN at step 240.", page.Find("[role=alert]").TextContent);
        Assert.DoesNotContain(page.FindAll("button"), b => b.TextContent.Trim() == "Cancel");
    }

    [Fact]
    public void Fields_that_differ_from_the_default_are_marked()
    {
        Runs.Add(1, spec: FakeCatalog.Default.Replace("\"lr\":0.001", "\"lr\":1e-4").Replace("\"epochs\":20", "\"epochs\":20.0"));

        var row = Assert.Single(Open(1).FindAll("[data-testid=differs]"));

        Assert.Contains("optimizer.lr", row.TextContent);
        Assert.Contains("0.0001", row.TextContent);
        Assert.Contains("0.001", row.TextContent);
    }

    [Fact]
    public void The_log_is_read_to_its_end()
    {
        Runs.Add(1);
        Runs.Log.AddRange(Enumerable.Range(1, 1_500).Select(i => new LogLine(i, 1, DateTimeOffset.UnixEpoch, LineLevel.Info, $"line {i}")));

        var page = Open(1, "?tab=log");

        Assert.Equal(1_500, page.FindAll("[data-testid=log-line]").Count);
    }

    [Fact]
    public void Lines_that_come_while_the_log_is_read_are_read_too()
    {
        Runs.Add(1, r => r with { State = RunState.Running });
        var gate = Runs.LogGate = new TaskCompletionSource();
        var page = Open(1, "?tab=log");

        // The run ends while its log is being read: nothing tells of a change after this.
        Runs.Log.Add(new(1, 1, DateTimeOffset.UnixEpoch, LineLevel.Info, "the last line"));
        Feed.Tell(Runs.All[0].Row);
        Runs.LogGate = null;
        gate.SetResult();

        page.WaitForAssertion(() => Assert.Contains("the last line", page.Find(".log").TextContent));
    }

    [Fact]
    public void A_run_that_changes_is_read_again_and_another_is_not()
    {
        Runs.Add(1, r => r with { State = RunState.Running });
        Runs.Add(2);
        var page = Open(1);

        Feed.Tell(Runs.All[1].Row);
        Runs.Change(1, r => r with { State = RunState.Failed, Reason = "It failed." });
        Assert.DoesNotContain("It failed.", page.Markup);
        Feed.Tell(Runs.All[0].Row);

        page.WaitForAssertion(() => Assert.Contains("It failed.", page.Find("[role=alert]").TextContent));
    }

    [Fact]
    public void On_the_way_to_another_run_the_first_is_left()
    {
        Runs.Add(1);
        Runs.Add(2);
        var page = Open(1);
        page.Render(p => p.Add(r => r.Id, 2));
        Runs.Change(2, r => r with { Gap = 12.5 });

        Feed.Tell(Runs.All[1].Row);

        page.WaitForAssertion(() => Assert.Contains("+12.50", page.Find("[data-testid=run-head]").TextContent));
        Assert.Equal(1, Feed.Subscriptions);
    }

    [Fact]
    public void A_late_answer_for_one_run_is_not_shown_as_another()
    {
        Runs.Add(1);
        Runs.Add(2);
        var late = Runs.Gate = new TaskCompletionSource();
        var page = Open(1);
        Runs.Gate = null;
        page.Render(p => p.Add(r => r.Id, 2));
        Assert.Contains("mlp-2", page.Find("h1").TextContent);

        late.SetResult();

        page.WaitForAssertion(() => Assert.Contains("mlp-2", page.Find("h1").TextContent));
        Assert.DoesNotContain("mlp-1", page.Markup);
    }

    [Fact]
    public void The_head_speaks_as_the_catalogue_does()
    {
        Runs.Add(1, r => r with { Convexity = "exp_eps", Labels = "random" });

        var facts = Open(1).Find("[data-testid=run-head] dl").TextContent;

        Assert.Contains("Fully connected · Exponentiated", facts);
        Assert.Contains("glyphs · Random", facts); // no such dataset in this catalogue: its name
    }

    [Fact]
    public void Checkpoints_are_offered_by_their_id()
    {
        var id = Guid.NewGuid();
        Runs.All.Add(Runs.Add(1) with { Checkpoints = [new(id, "best", 790, 23_068_672, "9f86d081884c7d65", DateTimeOffset.UnixEpoch)] });
        Runs.All.RemoveAt(0);

        var page = Open(1, "?tab=attempts");

        Assert.Equal($"api/v1/checkpoints/{id}", page.Find("a[download]").GetAttribute("href"));
        Assert.Contains("22.0 MiB", page.Markup);
    }

    [Fact]
    public void Running_again_leads_to_the_new_run()
    {
        Runs.Add(1, r => r with { State = RunState.Succeeded });
        var page = Open(1);

        page.FindAll("button").Single(b => b.TextContent.Trim() == "Run again").Click();

        Assert.EndsWith("runs/99", Navigation.Uri);
    }

    private IRenderedComponent<RunPage> Open(long id, string query = "") => Open<RunPage>($"runs/{id}{query}", p => p.Add(r => r.Id, id));
}
