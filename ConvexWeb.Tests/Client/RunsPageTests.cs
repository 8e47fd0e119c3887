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
    public void A_row_that_changes_is_shown_without_a_query()
    {
        Runs.Add(1);
        Runs.Add(2);
        var page = Open<RunsPage>("?q=mlp");
        Runs.Queries.Clear();

        Feed.Tell(Runs.Change(1, r => r with { Gap = 12.5 }));

        page.WaitForAssertion(() => Assert.Contains("+12.50", page.FindAll("tbody tr")[1].TextContent));
        Assert.Empty(Runs.Queries);
    }

    [Fact]
    public void A_new_run_appears_by_itself_and_is_counted()
    {
        Runs.Add(1);
        var page = Open<RunsPage>("");

        Feed.Tell(Runs.Add(2).Row);

        page.WaitForAssertion(() => Assert.Equal(["mlp-2", "mlp-1"], Names(page)));
        page.WaitForAssertion(() => Assert.Equal("2", page.Find("h1 .count").TextContent));
    }

    [Fact]
    public void A_row_comes_when_it_matches_and_leaves_when_it_does_not()
    {
        for (var id = 1; id <= 3; id++) Runs.Add(id, r => r with { State = r.Id == 2 ? RunState.Queued : RunState.Running });
        var page = Open<RunsPage>("?state=Running&q=mlp");
        Assert.Equal(["mlp-3", "mlp-1"], Names(page));

        Feed.Tell(Runs.Change(2, r => r with { State = RunState.Running }), Runs.Change(3, r => r with { State = RunState.Failed }));

        page.WaitForAssertion(() => Assert.Equal(["mlp-2", "mlp-1"], Names(page)));
        Feed.Tell(Runs.Add(4, r => r with { Name = "allconv", Model = "allconv", State = RunState.Running }).Row);
        Feed.Tell(Runs.Change(1, r => r with { State = RunState.Succeeded }));
        page.WaitForAssertion(() => Assert.Equal(["mlp-2"], Names(page)));
        page.WaitForAssertion(() => Assert.Equal("1", page.Find("h1 .count").TextContent));
    }

    [Fact]
    public void A_row_that_is_overtaken_by_a_newer_one_changes_nothing()
    {
        var old = Runs.Add(1, r => r with { State = RunState.Running, Attempt = 1, LastSeq = 5, Gap = 1 }).Row;
        var page = Open<RunsPage>("");

        Feed.Tell(Runs.Change(1, r => r with { LastSeq = 9, Gap = 22.5, State = RunState.Succeeded }));
        Feed.Tell(old);

        page.WaitForAssertion(() => Assert.Contains("+22.50", page.Find("tbody tr").TextContent));
        Assert.Contains("Succeeded", page.Find("tbody tr").TextContent);
    }

    [Fact]
    public void A_row_that_changes_while_the_page_is_read_is_not_lost()
    {
        Runs.Add(1, r => r with { State = RunState.Running, Attempt = 1 });
        var gate = Runs.Gate = new TaskCompletionSource();
        var page = Open<RunsPage>("");

        Feed.Tell(Runs.Change(1, r => r with { State = RunState.Failed }));
        Feed.Tell(Runs.Add(2).Row);
        Runs.Gate = null;
        gate.SetResult(); // what was found before

        page.WaitForAssertion(() => Assert.Equal(["mlp-2", "mlp-1"], Names(page)));
        Assert.Contains("Failed", page.FindAll("tbody tr")[1].TextContent);
    }

    [Fact]
    public void After_another_filter_is_chosen_rows_come_and_go_by_that()
    {
        Runs.Add(1);
        Runs.Add(2, r => r with { State = RunState.Failed });
        var page = Open<RunsPage>("?state=Failed");
        Navigation.NavigateTo("?state=Queued");
        page.Render();
        page.WaitForAssertion(() => Assert.Equal(["mlp-1"], Names(page)));

        Feed.Tell(Runs.Add(3, r => r with { State = RunState.Failed }).Row, Runs.Add(4).Row);

        page.WaitForAssertion(() => Assert.Equal(["mlp-4", "mlp-1"], Names(page)));
        Assert.Equal(1, Feed.Subscriptions);
    }

    [Fact]
    public void Many_rows_that_come_and_go_are_counted_once_in_ten_seconds()
    {
        Runs.Add(1);
        var page = Open<RunsPage>("?q=mlp");
        Runs.Queries.Clear();

        Feed.Tell([.. Enumerable.Range(2, 39).Select(id => Runs.Add(id).Row)]);

        page.WaitForAssertion(() => Assert.Equal("40", page.Find("h1 .count").TextContent));
        page.WaitForAssertion(() => Assert.Single(Runs.Queries));
        for (var id = 41; id <= 45; id++) Feed.Tell(Runs.Add(id).Row);
        page.WaitForAssertion(() => Assert.Equal("45", page.Find("h1 .count").TextContent));
        Assert.Single(Runs.Queries);
    }

    [Fact]
    public void A_page_grows_by_no_more_than_one_asks_for()
    {
        for (var id = 1; id <= 50; id++) Runs.Add(id);
        var page = Open<RunsPage>("");

        Feed.Tell([.. Enumerable.Range(51, 20).Select(id => Runs.Add(id).Row)]);

        page.WaitForAssertion(() => Assert.Equal(("mlp-70", "mlp-21", 50), (Names(page).First(), Names(page).Last(), Names(page).Count())));
        Do(page, () => page.Find(".more button").Click());
        Assert.Equal(Enumerable.Range(1, 70).Reverse().Select(id => $"mlp-{id}"), Names(page));
    }

    [Fact]
    public void Rows_that_leave_make_room_for_those_that_follow()
    {
        for (var id = 1; id <= 70; id++) Runs.Add(id);
        var page = Open<RunsPage>("?state=Queued");

        Feed.Tell([.. Enumerable.Range(31, 40).Select(id => Runs.Change(id, r => r with { State = RunState.Running }))]);

        page.WaitForAssertion(() => Assert.Equal(Enumerable.Range(1, 30).Reverse().Select(id => $"mlp-{id}"), Names(page)));
        page.WaitForAssertion(() => Assert.Equal("30", page.Find("h1 .count").TextContent));
    }

    [Fact]
    public void A_run_beyond_what_is_shown_is_counted_when_its_state_changes()
    {
        for (var id = 1; id <= 60; id++) Runs.Add(id);
        var page = Open<RunsPage>("?state=Queued");

        Feed.Tell(Runs.Change(1, r => r with { State = RunState.Running }));

        page.WaitForAssertion(() => Assert.Equal("59", page.Find("h1 .count").TextContent));
        Assert.Equal(50, Names(page).Count());
    }

    [Fact]
    public void What_was_missed_is_read_again_all_that_is_shown()
    {
        for (var id = 1; id <= 60; id++) Runs.Add(id);
        var page = Open<RunsPage>("");
        Do(page, () => page.Find(".more button").Click());
        for (var id = 1; id <= 60; id++) Runs.Change(id, r => r with { Name = "other" });

        Feed.Miss();

        page.WaitForAssertion(() => Assert.Equal(60, Names(page).Count(name => name == "other")));
    }

    [Fact]
    public void A_page_that_could_not_be_read_again_is_when_something_is_heard()
    {
        Runs.Add(1);
        var page = Open<RunsPage>("");
        Runs.Failure = new TimeoutException();
        Feed.Miss();
        page.WaitForAssertion(() => Assert.NotEmpty(page.FindAll("[role=alert]")));

        Runs.Failure = null;
        Feed.Tell(Runs.Add(2).Row);

        page.WaitForAssertion(() => Assert.Empty(page.FindAll("[role=alert]")));
        Assert.Equal(2, Names(page).Count());
    }

    [Fact]
    public async Task A_page_that_is_left_listens_no_more()
    {
        Open<RunsPage>("");
        Assert.Equal(1, Feed.Subscriptions);

        await DisposeComponentsAsync();

        Assert.Equal(0, Feed.Subscriptions);
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
        Runs.Queries.Clear();

        Do(page, () => page.Find(".more button").Click());

        Assert.Equal(60, page.FindAll("tbody tr").Count);
        Assert.Empty(page.FindAll(".more"));
        Assert.Equal("11", Assert.Single(Runs.Queries).After); // only what follows
    }

    private static IEnumerable<string> Names(IRenderedComponent<RunsPage> page)
        => page.FindAll("tbody tr a[title*='·']").Select(a => a.TextContent);
}
