using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Runs;
using Microsoft.AspNetCore.Components.Web;

namespace ConvexWeb.Tests.Client;

public sealed class RunsPageTests : PageContext
{
    [Fact]
    public void While_the_runs_are_read_their_shape_is_shown()
    {
        Runs.Gate = new TaskCompletionSource();

        var page = Open<RunsPage>("");

        Assert.NotEmpty(page.FindAll("[aria-label=Loading]"));
        Assert.Empty(page.FindAll("table"));
    }

    [Fact]
    public void Without_any_run_a_visitor_is_led_to_the_first_experiment()
    {
        var page = Open<RunsPage>("");

        Assert.Contains("new?demo=true", page.FindAll("[data-testid=first-visit] a").Select(a => a.GetAttribute("href")));
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
        Assert.Single(page.FindAll("tr[data-row]"));
    }

    [Fact]
    public void A_run_that_is_resumed_waits_again_at_once_and_an_older_report_does_not_undo_it()
    {
        var paused = Runs.Add(1, r => r with { State = RunState.Paused, QueuedAt = DateTimeOffset.UnixEpoch }).Row;
        var page = Open<RunsPage>("");

        Feed.Tell(Runs.Change(1, r => r with { State = RunState.Queued, QueuedAt = DateTimeOffset.UnixEpoch.AddHours(1) }));
        Assert.Equal("Queued", page.Find("tr[data-row] [data-testid=state]").TextContent.Trim());

        Feed.Tell(paused);
        Assert.Equal("Queued", page.Find("tr[data-row] [data-testid=state]").TextContent.Trim());
    }

    [Fact]
    public void A_row_says_state_progress_gap_and_accuracies()
    {
        Runs.Add(3, r => r with { State = RunState.Running, Step = 45, TrainAccuracy = 99.5, TestAccuracy = 51.25, Gap = 48.25, Seed = 4 });

        var row = Open<RunsPage>("").Find("tr[data-row]");

        Assert.Equal("Running", row.QuerySelector("[data-testid=state]")!.TextContent.Trim());
        Assert.NotNull(row.QuerySelector("[data-testid=state] svg")); // never by colour alone
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

        Assert.Equal("mlp-2", page.Find("tr[data-row] a").TextContent);
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
    public void A_search_that_is_left_at_once_goes_to_its_address_all_the_same()
    {
        Runs.Add(1);
        var page = Open<RunsPage>("");

        Do(page, () => page.Find("input[type=search]").Input("conv"));
        Do(page, () => page.Find("input[type=search]").Blur());

        page.WaitForAssertion(() => Assert.EndsWith("?q=conv", Navigation.Uri));
    }

    [Fact]
    public void A_search_that_leaves_the_address_leaves_the_field()
    {
        Runs.Add(1);
        var page = Open<RunsPage>("?q=mlp");

        Do(page, () => Navigation.NavigateTo("?state=Queued"));

        page.WaitForAssertion(() => Assert.True(string.IsNullOrEmpty(page.Find("input[type=search]").GetAttribute("value"))));
    }

    [Fact]
    public void A_filter_without_a_match_offers_the_way_back()
    {
        Runs.Add(1);

        var page = Open<RunsPage>("?state=Failed");

        Assert.Contains("No run matches", page.Find("[data-testid=no-match]").TextContent);
    }

    [Fact]
    public void Selected_runs_can_be_compared()
    {
        foreach (var id in new long[] { 1, 2, 3 }) Runs.Add(id);
        var page = Open<RunsPage>("");

        Do(page, () => page.Find("[aria-label='Select mlp-3, seed 0']").Click());
        Do(page, () => page.Find("[aria-label='Select mlp-1, seed 0']").Click());

        Assert.Equal("compare?runs=1,3", page.Find("[aria-label='Selected runs'] a").GetAttribute("href"));
    }

    [Fact]
    public void A_row_that_changes_is_shown_without_a_query()
    {
        Runs.Add(1);
        Runs.Add(2);
        var page = Open<RunsPage>("?q=mlp");
        Runs.Queries.Clear();

        Feed.Tell(Runs.Change(1, r => r with { Gap = 12.5 }));

        page.WaitForAssertion(() => Assert.Contains("+12.50", page.FindAll("tr[data-row]")[1].TextContent));
        Assert.Empty(Runs.Queries);
    }

    [Fact]
    public void A_new_run_appears_by_itself_and_is_counted()
    {
        Runs.Add(1);
        var page = Open<RunsPage>("");

        Feed.Tell(Runs.Add(2).Row);

        page.WaitForAssertion(() => Assert.Equal(["mlp-2", "mlp-1"], Names(page)));
        page.WaitForAssertion(() => Assert.Equal("2", page.Find("[data-testid=count]").TextContent));
    }

    [Fact]
    public async Task A_long_list_that_becomes_short_while_its_end_is_shown_is_shown_whole()
    {
        for (var id = 1; id <= 60; id++) Runs.Add(id, r => r with { State = RunState.Queued });
        var page = Open<RunsPage>("?state=Queued");
        var table = page.FindComponent<RunsTable>();
        await page.InvokeAsync(() => table.Instance.Provide(30, 30, default));

        Feed.Tell([.. Enumerable.Range(1, 40).Select(id => Runs.Change(id, r => r with { State = RunState.Cancelled }))]);

        page.WaitForAssertion(() => Assert.Equal(Enumerable.Range(41, 20).Reverse().Select(id => $"mlp-{id}"), Names(page)));
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
        page.WaitForAssertion(() => Assert.Equal("1", page.Find("[data-testid=count]").TextContent));
    }

    [Fact]
    public void A_row_that_is_overtaken_by_a_newer_one_changes_nothing()
    {
        var old = Runs.Add(1, r => r with { State = RunState.Running, Attempt = 1, LastSeq = 5, Gap = 1 }).Row;
        var page = Open<RunsPage>("");

        Feed.Tell(Runs.Change(1, r => r with { LastSeq = 9, Gap = 22.5, State = RunState.Succeeded }));
        Feed.Tell(old);

        page.WaitForAssertion(() => Assert.Contains("+22.50", page.Find("tr[data-row]").TextContent));
        Assert.Contains("Succeeded", page.Find("tr[data-row]").TextContent);
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
        Assert.Contains("Failed", page.FindAll("tr[data-row]")[1].TextContent);
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

        page.WaitForAssertion(() => Assert.Equal("40", page.Find("[data-testid=count]").TextContent));
        page.WaitForAssertion(() => Assert.Single(Runs.Queries));
        for (var id = 41; id <= 45; id++) Feed.Tell(Runs.Add(id).Row);
        page.WaitForAssertion(() => Assert.Equal("45", page.Find("[data-testid=count]").TextContent));
        Assert.Single(Runs.Queries);
    }

    [Fact]
    public void New_runs_come_on_top_without_a_query_of_their_own()
    {
        for (var id = 1; id <= 50; id++) Runs.Add(id);
        var page = Open<RunsPage>("");
        Runs.Queries.Clear();

        Feed.Tell([.. Enumerable.Range(51, 20).Select(id => Runs.Add(id).Row)]);

        page.WaitForAssertion(() => Assert.Equal(Enumerable.Range(1, 70).Reverse().Select(id => $"mlp-{id}"), Names(page)));
        page.WaitForAssertion(() => Assert.Single(Runs.Queries)); // the count
    }

    [Fact]
    public void All_from_one_to_another_are_chosen_with_shift()
    {
        for (var id = 1; id <= 6; id++) Runs.Add(id);
        var page = Open<RunsPage>("");

        Do(page, () => page.Find("[aria-label='Select mlp-5, seed 0']").Click());
        Do(page, () => page.Find("[aria-label='Select mlp-2, seed 0']").Click(new MouseEventArgs { ShiftKey = true }));

        Assert.Equal("compare?runs=2,3,4,5", page.Find("[aria-label='Selected runs'] a").GetAttribute("href"));
    }

    [Fact]
    public void All_from_one_to_another_are_chosen_also_where_they_were_never_in_sight()
    {
        for (var id = 1; id <= 400; id++) Runs.Add(id);
        var page = Open<RunsPage>("");
        Do(page, () => page.Find("[aria-label='Select mlp-400, seed 0']").Click());
        var far = Runs.All.Single(run => run.Row.Id == 21).Row;

        var table = page.FindComponent<RunsTable>();
        Do(page, () => table.Instance.OnSelectRange.InvokeAsync(far));

        page.WaitForAssertion(() => Assert.Contains("380 selected", page.Markup));
    }

    [Fact]
    public void What_another_filter_hides_is_not_chosen_any_more()
    {
        Runs.Add(1);
        var page = Open<RunsPage>("");
        Do(page, () => page.Find("[aria-label='Select mlp-1, seed 0']").Click());

        Navigation.NavigateTo("?state=Failed");
        page.Render();

        Assert.Empty(page.FindAll("[aria-label='Selected runs']"));
    }

    [Fact]
    public void All_that_match_are_chosen_not_only_those_in_sight()
    {
        for (var id = 1; id <= 120; id++) Runs.Add(id);
        var page = Open<RunsPage>("");

        Do(page, () => page.Find("thead input").Change(true));

        page.WaitForAssertion(() => Assert.Contains("120 selected", page.Find("[aria-label='Selected runs']").TextContent));
    }

    [Fact]
    public async Task Cancelling_asks_first_and_then_cancels_what_goes()
    {
        Runs.Add(1, r => r with { State = RunState.Running });
        Runs.Add(2, r => r with { State = RunState.Succeeded });
        var page = Open<RunsPage>("");
        Do(page, () => page.Find("thead input").Change(true));
        page.WaitForAssertion(() => page.Find("[aria-label='Selected runs']"));

        var asked = page.InvokeAsync(() => page.FindAll("[aria-label='Selected runs'] button")[0].ClickAsync(new()));
        var yes = Dialogs.WaitForElement("[role=dialog] .mud-button-filled-error");
        Assert.Empty(Runs.Cancelled);
        await yes.ClickAsync(new());
        await asked;

        Assert.Equal([1], Runs.Cancelled);
    }

    [Fact]
    public async Task What_could_not_be_cancelled_stays_chosen()
    {
        Runs.Add(1, r => r with { State = RunState.Running });
        var page = Open<RunsPage>("");
        Do(page, () => page.Find("thead input").Change(true));
        page.WaitForAssertion(() => page.Find("[aria-label='Selected runs']"));
        Runs.Failure = new TimeoutException();

        var asked = page.InvokeAsync(() => page.FindAll("[aria-label='Selected runs'] button")[0].ClickAsync(new()));
        await Dialogs.WaitForElement("[role=dialog] .mud-button-filled-error").ClickAsync(new());
        await asked;

        Assert.Contains("The database does not answer", Messages.WaitForElement(".mud-snackbar").TextContent);
        Assert.Contains("1 selected", page.Find("[aria-label='Selected runs']").TextContent);
    }

    [Fact]
    public void Rows_that_leave_make_room_for_those_that_follow()
    {
        for (var id = 1; id <= 70; id++) Runs.Add(id);
        var page = Open<RunsPage>("?state=Queued");

        Feed.Tell([.. Enumerable.Range(31, 40).Select(id => Runs.Change(id, r => r with { State = RunState.Running }))]);

        page.WaitForAssertion(() => Assert.Equal(Enumerable.Range(1, 30).Reverse().Select(id => $"mlp-{id}"), Names(page)));
        page.WaitForAssertion(() => Assert.Equal("30", page.Find("[data-testid=count]").TextContent));
    }

    [Fact]
    public void A_run_beyond_what_is_shown_is_counted_when_its_state_changes()
    {
        for (var id = 1; id <= 60; id++) Runs.Add(id);
        var page = Open<RunsPage>("?state=Queued");

        Feed.Tell(Runs.Change(1, r => r with { State = RunState.Running }));

        page.WaitForAssertion(() => Assert.Equal("59", page.Find("[data-testid=count]").TextContent));
        Assert.Equal(59, Names(page).Count());
    }

    [Fact]
    public void What_was_missed_is_read_again_all_that_is_shown()
    {
        for (var id = 1; id <= 60; id++) Runs.Add(id);
        var page = Open<RunsPage>("");
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

        page.WaitForAssertion(() => Assert.Equal("allconv", page.Find("tr[data-row] a").TextContent));
        Assert.Single(page.FindAll("tr[data-row]"));
    }

    [Fact]
    public void A_new_filter_is_not_overtaken_by_what_is_asked_about_the_list_before()
    {
        Runs.Add(1);
        Runs.Add(2, r => r with { State = RunState.Failed });
        var page = Open<RunsPage>("");
        var gate = Runs.Gate = new TaskCompletionSource();
        Navigation.NavigateTo("?state=Failed");
        page.Render();
        Feed.Miss(); // asks again, while the new list is on its way
        Runs.Gate = null;

        gate.SetResult();

        page.WaitForAssertion(() => Assert.Equal(["mlp-2"], Names(page)));
    }

    [Fact]
    public void What_the_services_refuse_is_said_in_their_words()
    {
        Runs.Failure = new InvalidInputException("search", "search must be one line of text.");

        Assert.Contains("search must be one line of text.", Open<RunsPage>("?q=a").Find("[role=alert]").TextContent);
    }

    [Fact]
    public void Only_what_comes_into_sight_is_read()
    {
        for (var id = 1; id <= 60; id++) Runs.Add(id);

        var page = Open<RunsPage>("");

        page.WaitForAssertion(() => Assert.Equal(60, Names(page).Count())); // the test's window is endless
        Assert.Equal(2, Runs.Queries.Count);
    }

    private static IEnumerable<string> Names(IRenderedComponent<RunsPage> page)
        => page.FindAll("tr[data-row] a[title*='·']").Select(a => a.TextContent);
}
