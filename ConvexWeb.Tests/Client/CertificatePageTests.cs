using ConvexWeb.Client.Certificates;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Runs;

namespace ConvexWeb.Tests.Client;

public sealed class CertificatePageTests : PageContext
{
    [Fact]
    public void While_it_is_read_its_shape_is_shown()
    {
        Runs.Gate = new TaskCompletionSource();

        Assert.NotEmpty(Open().FindAll("[aria-label=Loading]"));
    }

    [Fact]
    public void A_run_that_does_not_exist_is_said_not_to() => Assert.Equal("There is no run 1", Open().Find("h1").TextContent);

    [Fact]
    public void A_failure_says_what_to_do()
    {
        Runs.Failure = new TimeoutException();

        Assert.Contains("The database does not answer", Open().Find("[role=alert]").TextContent);
    }

    [Fact]
    public void Without_one_it_explains_what_it_is_and_asks_for_it_on_a_click()
    {
        AddRun(("last", 790), ("best", 316));
        Certificates.Choices = new(400, [new(7, "mlp glyphs", 0, "First study")]);
        var page = Open();
        Assert.Contains("convex function of its input", page.Find("[data-testid=empty]").TextContent);
        Assert.Equal(["last, step 790", "best, step 316"], Offered(page, "c-checkpoint"));
        Assert.Equal("400", page.Find("#c-pairs").GetAttribute("value")); // what the network takes in reasonable time

        Choose(page, "c-checkpoint", "best");
        Choose(page, "c-twin", "7");
        page.Find("form").Submit();

        Assert.Equal(new CertificateRequest("best", 400, 7), Certificates.Requested);
        Assert.Contains("waits for a free slot", page.Find("[data-testid=waiting]").TextContent);
    }

    [Fact]
    public void A_run_without_a_checkpoint_has_nothing_to_certify()
    {
        Runs.Add(1);

        var page = Open();

        Assert.Contains("none yet", page.Find("[data-testid=empty]").TextContent);
        Assert.Empty(page.FindAll("form"));
    }

    [Theory]
    [InlineData("many", "pairs must be a whole number")]
    [InlineData("5", "from 10 to 20000")]
    public void What_is_wrong_stands_at_its_field(string pairs, string problem)
    {
        AddRun(("last", 790));
        Certificates.Refusal = [new("pairs", "pairs must be from 10 to 20000; got 5.")];
        var page = Open();

        Do(page, () => page.Find("#c-pairs").Input(pairs));
        page.Find("form").Submit();

        Assert.Contains(problem, page.Find("#c-pairs-problem").TextContent);
        Assert.Equal("true", page.Find("#c-pairs").GetAttribute("aria-invalid"));
        Assert.NotEqual("true", page.Find("#c-checkpoint").GetAttribute("aria-invalid"));
    }

    [Fact]
    public void One_that_is_made_is_shown_when_the_feed_tells_of_it()
    {
        AddRun(("last", 790));
        Certificates.Latest = FakeCertificates.View(1, RunState.Running) with
        {
            Worker = "gpu-2",
            StartedAt = DateTimeOffset.UtcNow.AddSeconds(-70),
        };
        var page = Open();
        Assert.Contains("It is being made on gpu-2, for 1 min 1", page.Find("[data-testid=waiting]").TextContent);

        Certificates.Latest = FakeCertificates.View(1, RunState.Succeeded, FakeCertificates.Result());
        Feed.Tell(Runs.All[0].Row);

        page.WaitForAssertion(() => Assert.Equal("The sentence of Convex.", page.Find("[data-testid=verdict] h2").TextContent));
    }

    [Theory]
    [InlineData(RunState.Queued)]
    [InlineData(RunState.Running)]
    public void One_that_waits_or_is_made_can_be_cancelled(RunState state)
    {
        AddRun(("last", 790));
        Certificates.Latest = FakeCertificates.View(1, state);
        var page = Open();

        Do(page, () => page.Find("[data-testid=waiting] button").Click());

        Assert.Contains("Cancelled by ada.", page.Find("[role=alert]").TextContent);
        Assert.NotEmpty(page.FindAll("[data-testid=certificate-form]"));
    }

    [Fact]
    public void One_that_failed_says_why_and_can_be_asked_for_again()
    {
        AddRun(("last", 790));
        Certificates.Latest = FakeCertificates.View(1, RunState.Failed) with
        {
            Reason = "It was not done after 30 minutes.",
            Pairs = 5000,
        };
        var page = Open();

        Assert.Contains("It was not done after 30 minutes.", page.Find("[role=alert]").TextContent);
        Assert.Equal("5000", page.Find("#c-pairs").GetAttribute("value"));
        page.Find("form").Submit();
        Assert.Equal(5000, Certificates.Requested!.Pairs);
    }

    [Fact]
    public void The_verdict_stands_beside_its_control()
    {
        AddRun(("last", 790));
        Certificates.Latest = FakeCertificates.View(1, RunState.Succeeded, FakeCertificates.Result());
        var page = Open();

        Assert.Contains("good", page.Find("[data-testid=verdict]").ClassList);
        Assert.Contains("not about the loss", page.Find("[data-testid=verdict]").TextContent);
        Assert.Equal(
            ["2,000", "20,000", "0", "-0.5", "4,567", "0.25"],
            page.FindAll("[data-testid=inequalities] tbody tr:first-child td").Select(cell => cell.TextContent));
        Assert.All(page.FindAll("[data-testid=proof] details"), part => Assert.False(part.HasAttribute("open")));
        Assert.Equal(["This network", "The control"], page.FindComponent<SegmentCurves>().Instance.Sources.Select(source => source.Name));
        Assert.Contains(JSInterop.Invocations, call => call.Identifier == "mountCurves");
    }

    [Fact]
    public void What_breaks_convexity_is_open_and_says_so_in_words()
    {
        AddRun(("last", 790));
        Certificates.Latest = FakeCertificates.View(1, RunState.Succeeded, FakeCertificates.Result(Verdict.NotConvex));
        var page = Open();

        Assert.Contains("bad", page.Find("[data-testid=verdict]").ClassList);
        Assert.Contains("convexity ends inside", page.Find("[data-testid=proof] details[open] > summary").TextContent);
        var leaf = page.Find("[data-testid=proof] details li.breaks").TextContent;
        Assert.Contains("convexity ends here", leaf);
        Assert.Contains("a weight is −0.3", leaf);
    }

    [Fact]
    public void A_network_without_a_constraint_that_is_not_convex_is_no_alarm_and_has_no_control()
    {
        AddRun(r => r with { Convexity = "none" }, ("last", 790));
        Certificates.Latest = FakeCertificates.View(1, RunState.Succeeded, FakeCertificates.Result(Verdict.NotConvex, "none"));
        var page = Open();

        Assert.Contains("plain", page.Find("[data-testid=verdict]").ClassList);
        Assert.Empty(page.FindAll("[data-testid=inequalities] .control"));
    }

    [Fact]
    public void A_convex_head_is_shown_in_both_spaces()
    {
        AddRun(("last", 790));
        Certificates.Latest = FakeCertificates.View(1, RunState.Succeeded, FakeCertificates.Result(inPixels: FakeCertificates.Test(99)));
        var page = Open();

        Assert.Contains("features", page.Find("[data-testid=verdict] p").TextContent);
        Assert.Equal(2, page.FindAll("[data-testid=inequalities] tbody").Count);
        Assert.Contains("99", page.FindAll("[data-testid=inequalities] tbody")[1].TextContent);
        Assert.Equal(3, page.FindComponent<SegmentCurves>().Instance.Sources.Count());
    }

    [Fact]
    public void What_a_convex_head_stands_on_is_no_alarm()
    {
        AddRun(("last", 790));
        var broken = FakeCertificates.Result(Verdict.NotConvex, inPixels: FakeCertificates.Test(99));
        Certificates.Latest = FakeCertificates.View(1, RunState.Succeeded, broken with
        {
            Verdict = Verdict.Convex,
            Structure = broken.Structure with { Proved = true, Broken = [] },
        });
        var page = Open();

        Assert.Empty(page.FindAll("[data-testid=end]"));
        Assert.Empty(page.FindAll("[data-testid=proof] details[open]"));
    }

    [Fact]
    public void A_certificate_of_a_checkpoint_that_was_replaced_says_so()
    {
        AddRun(("last", 1580));
        Certificates.Latest = FakeCertificates.View(1, RunState.Succeeded, FakeCertificates.Result()) with { Sha256 = "of another" };

        Assert.Contains("of step 1,580 now", Open().Find("[data-testid=newer]").TextContent);
    }

    [Theory]
    [InlineData(RunState.Succeeded, Verdict.Convex, "convex")]
    [InlineData(RunState.Succeeded, Verdict.NotConvex, "not convex")]
    [InlineData(RunState.Running, null, "Running")]
    public void The_head_of_the_run_and_the_comparison_carry_it_in_words(RunState state, Verdict? verdict, string word)
    {
        var detail = Runs.Add(1, r => r with { Convexity = "exp_eps" });
        Runs.All[0] = detail with { Certificate = new(state, verdict) };
        Runs.Add(2);

        var link = Open<RunPage>("runs/1", p => p.Add(r => r.Id, 1)).Find("a[href='runs/1/certificate']");
        Assert.EndsWith(word, link.TextContent.Trim(), StringComparison.Ordinal);
        var compared = Open<ComparePage>("compare?runs=1,2").FindAll("[data-testid=convexity] td");
        Assert.Equal([word, "not tested"], compared.Select(cell => cell.TextContent.Trim()));
    }

    private void AddRun(params (string Kind, long Step)[] checkpoints) => AddRun(r => r with { Convexity = "exp_eps" }, checkpoints);

    private void AddRun(Func<RunRow, RunRow> change, params (string Kind, long Step)[] checkpoints)
    {
        Runs.Add(1, change);
        var stored = checkpoints.Select(c =>
            new CheckpointView(Guid.NewGuid(), c.Kind, c.Step, 1000, "9f86d081884c7d65", DateTimeOffset.UnixEpoch));
        Runs.All[0] = Runs.All[0] with { Checkpoints = [.. stored] };
    }

    private IRenderedComponent<CertificatePage> Open() => Open<CertificatePage>("runs/1/certificate", p => p.Add(r => r.Id, 1));
}
