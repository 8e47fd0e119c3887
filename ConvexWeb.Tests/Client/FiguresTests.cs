using ConvexWeb.Client.Shared;

namespace ConvexWeb.Tests.Client;

public sealed class FiguresTests
{
    [Theory]
    [InlineData(0, "0")]
    [InlineData(2.53, "2.5")]
    [InlineData(99.97, "100")]
    [InlineData(4321.4, "4,321")]
    [InlineData(9999, "9,999")]
    [InlineData(9999.6, "10k")]
    [InlineData(23_784, "23.8k")]
    [InlineData(100_000, "100k")]
    [InlineData(999_960, "1M")]
    [InlineData(1_234_567, "1.2M")]
    public void A_short_number_has_at_most_five_characters(double value, string text)
    {
        Assert.Equal(text, Figures.Short(value));
        Assert.True(text.Length <= 5);
    }
}
