using ConvexWeb.Client.Charts;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Runs;

namespace ConvexWeb.Tests.Client;

public sealed class RunsPageTests : PageContext
{
    [Fact]
    public void While_the_runs_are_read_their_shape_is_shown()
    {
        Runs.Gate = new TaskCompletionSource();

        var page = Open<RunsPage>("");

        Assert.NotEmpty(page.FindAll(".skeleton"));
        Assert.Empty(page.FindAll("table"));
    }

    [Fact]
    public void Without_any_run_a_visitor_is_led_to_the_first_experiment()
    {
        var page = Open<RunsPage>("");

        Assert.Contains("new?demo=true", page.FindAll(".first-visit a").Select(a => a.GetAttribute("href")));
        Assert.Empty(page.FindAll("[role=search]"));
    }

    [Fact]
    public void When_the_database_is_away_the_page_says_so_and_tries_again_on_demand()
    {
        Runs.Failure = new TimeoutException();
        var page = Open<RunsPage>("");
        Assert.Contains("The database does not answer", page.Find("[role=alert]").TextContent);

        Runs.Failure = null;
        Runs.Add(1);
        Do(page, () => page.Find("[role=alert] button").Click());

        Assert.Empty(page.FindAll("[role=alert]"));
        Assert.Single(page.FindAll("tbody tr"));
    }

    [Fact]
    public void A_row_says_state_progress_gap_and_accuracies()
    {
        Runs.Add(3, r => r with { State = RunState.Running, Step = 45, TrainAccuracy = 99.5, TestAccuracy = 51.25, Gap = 48.25, Seed = 4 });

        var row = Open<RunsPage>("").Find("tbody tr");

        Assert.Equal("Running", row.QuerySelector(".chip")!.TextContent.Trim());
        Assert.NotNull(row.QuerySelector(".chip svg")); // never by colour alone
        Assert.Equal("45", row.QuerySelector("[role=progressbar]")!.GetAttribute("aria-valuenow"));
        Assert.Contains("4.5/10", row.TextContent);
        Assert.Contains("+48.25", row.TextContent);
        Assert.Contains("99.50", row.TextContent);
        Assert.Contains("51.25", row.TextContent);
    }

    [Fact]
    public void The_address_holds_the_filter()
    {
        Runs.Add(1);
        Runs.Add(2, r => r with { State = RunState.Failed });

        var page = Open<RunsPage>("?state=Failed&q=mlp");

        Assert.Equal("mlp-2", page.Find("tbody tr a").TextContent);
        Assert.Equal("true", page.FindAll("[aria-label=State] a").Single(a => a.TextContent == "Failed").GetAttribute("aria-current"));
        Assert.Equal("mlp", page.Find("input[type=search]").GetAttribute("value"));
    }

    [Fact]
    public void Typing_a_search_goes_to_its_address()
    {
        Runs.Add(1);
        var page = Open<RunsPage>("?state=Queued");

        Do(page, () => page.Find("input[type=search]").Input("conv"));

        page.WaitForAssertion(() => Assert.EndsWith("?q=conv&state=Queued", Navigation.Uri));
    }

    [Fact]
    public void A_filter_without_a_match_offers_the_way_back()
    {
        Runs.Add(1);

        var page = Open<RunsPage>("?state=Failed");

        Assert.Contains("No run matches", page.Find(".notice").TextContent);
    }

    [Fact]
    public void Selected_runs_can_be_compared()
    {
        foreach (var id in new long[] { 1, 2, 3 }) Runs.Add(id);
        var page = Open<RunsPage>("");

        Do(page, () => page.Find("[aria-label='Select mlp-3, seed 0']").Change(true));
        Do(page, () => page.Find("[aria-label='Select mlp-1, seed 0']").Change(true));

        Assert.Equal("compare?runs=1,3", page.Find(".bulk a").GetAttribute("href"));
    }

    [Fact]
    public async Task A_change_reads_only_the_changed_row()
    {
        Runs.Add(1);
        Runs.Add(2);
        var page = Open<RunsPage>("");
        Runs.All[0] = Runs.All[0] with { Row = Runs.All[0].Row with { Gap = 12.5 } };

        await page.InvokeAsync(() => page.FindComponent<LiveRows>().Instance.Changed([1]));

        Assert.Equal([1L], Runs.Queries[^1].Ids!);
        page.WaitForAssertion(() => Assert.Contains("+12.50", page.FindAll("tbody tr")[1].TextContent));
    }

    [Fact]
    public async Task A_new_run_appears_by_itself()
    {
        Runs.Add(1);
        var page = Open<RunsPage>("");
        Runs.Add(2);

        await page.InvokeAsync(() => page.FindComponent<LiveRows>().Instance.Changed([2]));

        page.WaitForAssertion(() => Assert.Equal(2, page.FindAll("tbody tr").Count));
    }

    [Fact]
    public void An_answer_to_an_older_search_does_not_come_through()
    {
        Runs.Add(1);
        Runs.Add(2, r => r with { Name = "allconv" });
        var page = Open<RunsPage>("");
        var late = Runs.Gate = new TaskCompletionSource();
        Navigation.NavigateTo("?q=mlp");
        page.Render();
        Runs.Gate = null;
        Navigation.NavigateTo("?q=allconv");
        page.Render();

        late.SetResult();

        page.WaitForAssertion(() => Assert.Equal("allconv", page.Find("tbody tr a").TextContent));
        Assert.Single(page.FindAll("tbody tr"));
    }

    [Fact]
    public async Task A_long_list_stays_long_when_it_is_read_again()
    {
        for (var id = 1; id <= 260; id++) Runs.Add(id);
        var page = Open<RunsPage>("");
        for (var clicks = 0; clicks < 5; clicks++) page.FindAll(".more button").SingleOrDefault()?.Click();
        Assert.Equal(260, page.FindAll("tbody tr").Count);

        await page.InvokeAsync(() => page.FindComponent<LiveRows>().Instance.Changed([]));

        Assert.Equal(260, page.FindAll("tbody tr").Count);
    }

    [Fact]
    public void What_the_services_refuse_is_said_in_their_words()
    {
        Runs.Failure = new InvalidInputException("search", "search must be one line of text.");

        Assert.Contains("search must be one line of text.", Open<RunsPage>("?q=a").Find("[role=alert]").TextContent);
    }

    [Fact]
    public void More_runs_come_page_by_page()
    {
        for (var id = 1; id <= 60; id++) Runs.Add(id);
        var page = Open<RunsPage>("");
        Assert.Equal(50, page.FindAll("tbody tr").Count);

        Do(page, () => page.Find(".more button").Click());

        Assert.Equal(60, page.FindAll("tbody tr").Count);
        Assert.Empty(page.FindAll(".more"));
    }
}
