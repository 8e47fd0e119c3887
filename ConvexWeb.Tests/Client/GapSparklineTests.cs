using ConvexWeb.Client.Charts;
using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Tests.Client;

public sealed class GapSparklineTests : BunitContext
{
    [Fact]
    public void Without_points_nothing_is_drawn() => Assert.Equal("", Draw().Markup.Trim());

    [Fact]
    public void Train_and_test_are_lines_over_a_filled_gap()
    {
        var spark = Draw(new(0, 0, 0), new(10, 100, 50));

        Assert.Equal("M1 23 L95 1", spark.Find(".train").GetAttribute("d"));
        Assert.Equal("M1 23 L95 12", spark.Find(".test").GetAttribute("d"));
        Assert.Equal("M1 23 L95 1 L95 12 L1 23 Z", spark.Find(".between").GetAttribute("d"));
        Assert.Equal("Train 100.00 %, test 50.00 % at epoch 10", spark.Find("svg").GetAttribute("aria-label"));
    }

    [Fact]
    public void A_value_that_is_no_number_leaves_the_line_whole() =>
        Assert.Equal("M1 23 L95 1", Draw(new(0, 0, 0), new(5, double.NaN, 10), new(10, 100, 50)).Find(".train").GetAttribute("d"));

    private IRenderedComponent<GapSparkline> Draw(params GapPoint[] points) => Render<GapSparkline>(p => p.Add(s => s.Points, points));
}
