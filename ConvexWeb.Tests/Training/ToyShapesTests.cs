using ConvexWeb.Training.Data;

namespace ConvexWeb.Tests.Training;

/// <summary>The plane of the IOC paper's figures 2 and 3.</summary>
public sealed class ToyShapesTests
{
    [Theory]
    [InlineData(.70, .60, true)] // the chevron's tip
    [InlineData(.55, .80, true)] // its left arm
    [InlineData(.70, .85, false)] // its notch
    [InlineData(.12, .60, true)] // triangle
    [InlineData(.20, .70, false)] // right of its long side
    [InlineData(.20, .20, true)] // rectangle
    [InlineData(.31, .20, false)]
    [InlineData(.85, .40, true)] // pentagon
    [InlineData(.62, .40, false)] // above its slanted side
    [InlineData(.50, .50, false)]
    public void Points_are_in_the_shapes_that_the_figure_shows(double x, double y, bool inside)
        => Assert.Equal(inside, ToyShapes.IsInside(x, y));

    [Fact]
    public async Task Splits_are_drawn_apart_and_labelled_by_their_points()
    {
        var set = await new DatasetStore("none", new Fetcher(new HttpClient())).LoadAsync(new ToyShapesOptions(), null, _ => { }, default);
        Assert.Equal((2000, 4000), (set.Train.Count, set.Train.Images.Length));
        Assert.NotEqual(set.Train.Images, set.Test.Images);
        // Areas: chevron 0.084, triangle 0.022, rectangle 0.042, pentagon 0.086.
        Assert.InRange(set.Train.Labels.Average(), 0.2, 0.27);
        for (var i = 0; i < 50; i++)
        {
            var (x, y) = (set.Test.Images[2 * i] / 255.0, set.Test.Images[2 * i + 1] / 255.0);
            Assert.Equal(ToyShapes.IsInside(x, y) ? 1 : 0, set.Test.Labels[i]);
        }
    }
}
