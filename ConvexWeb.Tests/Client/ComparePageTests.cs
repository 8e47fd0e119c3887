using System.Text.RegularExpressions;
using ConvexWeb.Client.Charts;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Metrics;
using ConvexWeb.Client.Runs;

namespace ConvexWeb.Tests.Client;

public sealed class ComparePageTests : PageContext
{
    [Fact]
    public void Without_runs_it_says_how_to_choose_some() => Assert.Contains("Nothing is chosen yet", Open<ComparePage>("compare").Markup);

    [Fact]
    public void Only_what_differs_is_listed()
    {
        Runs.Add(1);
        Runs.Add(2, spec: FakeCatalog.Default.Replace("\"name\":\"none\"", "\"name\":\"exp_eps\",\"eps\":4"));

        var page = Open<ComparePage>("compare?runs=1,2");

        Assert.Equal(["convexity.name", "convexity.eps"], page.FindAll("[data-testid=differences] tbody th").Select(th => th.TextContent));
        Assert.Equal(["none", "exp_eps", "–", "4"], page.FindAll("[data-testid=differences] td").Select(td => td.TextContent));
    }

    [Fact]
    public void Seeds_of_one_spec_get_mean_and_deviation()
    {
        Runs.Add(1, r => r with { State = RunState.Succeeded, Gap = 40, TrainAccuracy = 90, TestAccuracy = 50 });
        Runs.Add(2, r => r with { State = RunState.Succeeded, Gap = 44, TrainAccuracy = 94, TestAccuracy = 50, Seed = 1 });
        Runs.Add(3, r => r with { State = RunState.Running, Gap = 5, Seed = 2 }); // half trained: stands for nothing

        var means = Open<ComparePage>("compare?runs=1,2,3").Find("[data-testid=means]").TextContent;

        Assert.Contains("2 seeds", means);
        Assert.Contains("42.00 ± 2.83", means);
        // Of two values Student's interval is six deviations wide to each side, and says nothing.
        Assert.DoesNotContain("[", means, StringComparison.Ordinal);
    }

    [Fact]
    public void From_three_seeds_on_there_is_an_interval()
    {
        foreach (var (id, gap) in new[] { (1, 40), (2, 44), (3, 42) })
            Runs.Add(id, r => r with { State = RunState.Succeeded, Gap = gap, TrainAccuracy = 90, TestAccuracy = 50, Seed = id });

        var means = Open<ComparePage>("compare?runs=1,2,3").Find("[data-testid=means]").TextContent;

        Assert.Contains("[95 % interval] of 3 seeds", Regex.Replace(means, @"\s+", " "), StringComparison.Ordinal);
        // 4.3027 · 2 / √3
        Assert.Contains("42.00 ± 2.00 [37.03, 46.97]", means);
    }

    [Fact]
    public void An_interval_is_cut_nowhere_and_says_which_bound_it_crosses()
    {
        foreach (var (id, train, test) in new[] { (1, 98, 3), (2, 100, 0), (3, 99, 0) })
            Runs.Add(id, r => r with
            {
                State = RunState.Succeeded,
                Gap = train - test,
                TrainAccuracy = train,
                TestAccuracy = test,
                Seed = id,
            });

        var means = Open<ComparePage>("compare?runs=1,2,3").Find("[data-testid=means]").TextContent;

        // 4.3027 · 1 / √3 and 4.3027 · √3 / √3
        Assert.Contains("[96.52, 101.48], beyond 100", means);
        Assert.Contains("[-3.30, 5.30], beyond 0", means);
    }

    [Theory]
    [InlineData(1, 12.7062)]
    [InlineData(4, 2.7764)]
    [InlineData(10, 2.2281)]
    [InlineData(11, 2.2010)]
    [InlineData(30, 2.0423)]
    [InlineData(1000, 1.9623)]
    public void Intervals_take_Students_t(int degreesOfFreedom, double quantile)
        => Assert.Equal(quantile, StudentT.Quantile975(degreesOfFreedom), 3e-4);

    [Fact]
    public void A_seed_that_was_trained_twice_is_one_seed_and_its_newest_run_counts()
    {
        Runs.Add(1, r => r with { State = RunState.Succeeded, Gap = 10 });
        Runs.Add(2, r => r with { State = RunState.Succeeded, Gap = 40 }); // run 1 again
        Assert.Empty(Open<ComparePage>("compare?runs=1,2").FindAll("[data-testid=means]"));

        Runs.Add(3, r => r with { State = RunState.Succeeded, Gap = 44, Seed = 1 });
        var means = Open<ComparePage>("compare?runs=1,2,3").Find("[data-testid=means]").TextContent;

        Assert.Contains("2 seeds", means);
        Assert.Contains("42.00 ± 2.83", means);
    }

    [Fact]
    public void Runs_that_are_gone_are_named_and_the_rest_is_compared()
    {
        Runs.Add(1);

        var page = Open<ComparePage>("compare?runs=1,8,x");

        Assert.Contains("run 8", page.Find("[data-testid=missing]").TextContent);
        Assert.Single(page.FindComponent<RunCharts>().Instance.Runs);
    }

    [Fact]
    public void At_most_fifty_are_compared()
    {
        for (var id = 1; id <= 60; id++) Runs.Add(id);

        var page = Open<ComparePage>($"compare?runs={string.Join(',', Enumerable.Range(1, 60))}");

        Assert.Equal(50, page.FindComponent<RunCharts>().Instance.Runs.Count);
        Assert.Contains("Only 50", page.Find("[data-testid=cut]").TextContent);
    }

    [Fact]
    public void A_study_that_is_larger_than_the_page_is_said_to_be()
    {
        for (var id = 1; id <= 60; id++) Runs.Add(id);

        Assert.Contains("Only 50", Open<ComparePage>("compare?study=7").Find("[data-testid=cut]").TextContent);
    }

    [Fact]
    public void Two_runs_never_share_a_colour()
    {
        var colours = RunColours.Assign(Enumerable.Range(1, 50).Select(i => (long)i * 8)); // all of them want the same

        Assert.Equal(50, colours.Values.Distinct().Count());
    }

    [Fact]
    public void A_late_answer_does_not_land_in_the_comparison_that_was_chosen_meanwhile()
    {
        Runs.Add(1);
        Runs.Add(2);
        var (slow, quick) = (new TaskCompletionSource(), new TaskCompletionSource());
        Runs.Gate = slow;
        var page = Open<ComparePage>("compare?runs=1");
        Runs.Gate = quick;
        Navigation.NavigateTo("compare?runs=2");
        page.Render();
        quick.SetResult();
        page.WaitForAssertion(() => Assert.Equal([2L], page.FindComponent<RunCharts>().Instance.Runs.Select(r => r.Id)));
        Runs.Gate = null;
        slow.SetResult();

        Assert.Equal([2L], page.FindComponent<RunCharts>().Instance.Runs.Select(r => r.Id));
        Assert.Empty(page.FindAll("[role=alert]"));
    }

    [Fact]
    public void All_runs_are_read_at_once_and_again_only_those_that_change()
    {
        for (var id = 1; id <= 3; id++) Runs.Add(id);
        var page = Open<ComparePage>("compare?runs=1,2,3");
        Assert.Equal([1L, 2, 3], Assert.Single(Runs.Found));

        Feed.Tell(Runs.Change(2, r => r with { State = RunState.Succeeded, Gap = 12.5 }));

        page.WaitForAssertion(() => Assert.Contains("+12.50", page.FindAll("[data-testid=numbers] tr[data-row]")[1].TextContent));
        Assert.Equal([2L], Runs.Found[^1]);
    }

    [Fact]
    public void A_run_that_changes_while_all_are_read_is_read_again()
    {
        Runs.Add(1, r => r with { State = RunState.Running });
        var gate = Runs.Gate = new TaskCompletionSource();
        var page = Open<ComparePage>("compare?runs=1");

        Feed.Tell(Runs.Change(1, r => r with { State = RunState.Failed }));
        Runs.Gate = null;
        gate.SetResult(); // what was found before

        page.WaitForAssertion(() => Assert.Contains("Failed", page.Find("[data-testid=numbers]").TextContent));
    }

    [Fact]
    public void After_something_was_missed_all_are_read_again()
    {
        Runs.Add(1);
        Runs.Add(2);
        var page = Open<ComparePage>("compare?study=7");
        Runs.Change(1, r => r with { State = RunState.Failed });

        Feed.Miss();

        page.WaitForAssertion(() => Assert.Contains("Failed", page.Find("[data-testid=numbers]").TextContent));
        Assert.Equal(1, Feed.Subscriptions);
    }

    [Fact]
    public void A_run_keeps_its_colour_where_it_is_free() => Assert.Equal(RunColours.Of(13), RunColours.Assign([13, 14, 15])[13]);
}
