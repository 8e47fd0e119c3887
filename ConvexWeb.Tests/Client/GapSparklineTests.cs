using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Runs;

namespace ConvexWeb.Tests.Client;

public sealed class GapSparklineTests : BunitContext
{
    [Fact]
    public void Without_points_nothing_is_drawn() => Assert.Equal("", Draw().Markup.Trim());

    [Fact]
    public void Train_and_test_are_lines_over_a_filled_gap()
    {
        var spark = Draw(new(0, 0, 0), new(10, 100, 50));

        Assert.Equal("M1 23L95 1", spark.Find(".train").GetAttribute("d"));
        Assert.Equal("M1 23L95 12", spark.Find(".test").GetAttribute("d"));
        Assert.Equal("M1 23L95 1L95 12L1 23Z", spark.Find(".between").GetAttribute("d"));
        Assert.Equal("Train 100.00 %, test 50.00 % at epoch 10", spark.Find("svg").GetAttribute("aria-label"));
    }

    [Fact]
    public void A_value_that_is_no_number_leaves_the_line_whole() =>
        Assert.Equal("M1 23L95 1", Draw(new(0, 0, 0), new(5, double.NaN, 10), new(10, 100, 50)).Find(".train").GetAttribute("d"));

    [Fact]
    public void A_name_is_text_and_nothing_else()
    {
        var row = new FakeRuns().Add(1, r => r with { Name = "<b>\"&", Study = "<img src=x>", Reason = "<i>" }).Row;

        var cells = string.Concat(RowMarkup.Cells(row, new FakeCatalog().Get(), row.CreatedAt));

        Assert.Contains("&lt;b&gt;&quot;&amp;", cells, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", cells, StringComparison.Ordinal);
        Assert.DoesNotContain("<i>", cells, StringComparison.Ordinal);
    }

    private IRenderedComponent<GapSparkline> Draw(params GapPoint[] points) => Render<GapSparkline>(p => p.Add(s => s.Points, points));
}
