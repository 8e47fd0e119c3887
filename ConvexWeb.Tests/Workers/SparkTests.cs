using System.Text.Json;
using ConvexWeb.Server.Ingest;

namespace ConvexWeb.Tests.Workers;

public sealed class SparkTests
{
    [Theory]
    [InlineData(3)]
    [InlineData(24)]
    [InlineData(100)]
    [InlineData(1000)]
    public void Add_EveryEpoch_KeepsAFewThatReachFromTheFirstToTheNewest(int epochs)
    {
        var spark = Spark.Read("[]", epochs);
        for (var epoch = 1; epoch <= epochs; epoch++) spark.Add(epoch, epoch, 50);

        var points = JsonSerializer.Deserialize<double[][]>(spark.ToJson())!;
        Assert.InRange(points.Length, Math.Min(epochs, 12), 24);
        Assert.Equal([1.0, epochs], [points[0][0], points[^1][0]]);
        Assert.Equal(points.Select(point => point[0]).Order(), points.Select(point => point[0]));
    }

    [Fact]
    public void Rewind_DropsWhatCameLater()
    {
        var spark = Spark.Read("[[1,50,40],[2,60,45],[3,70,50]]", 10);
        spark.Rewind(1);
        spark.Add(2, 61, 46);
        Assert.Equal("[[1,50,40],[2,61,46]]", spark.ToJson());
    }
}
