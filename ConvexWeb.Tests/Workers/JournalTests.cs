using ConvexWeb.Server.Ingest;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;

namespace ConvexWeb.Tests.Workers;

public sealed class JournalTests : IDisposable
{
    private const string At = "\"at\":\"2026-11-21T08:00:00.000Z\"";
    private readonly TestFolder folder = new();

    private string File => Path.Combine(folder.Path, "metrics.jsonl");

    [Fact]
    public void Read_NoFileYet_IsEmpty() => Assert.Empty(new Journal(File).Read().Events);

    [Fact]
    public void Read_HalfWrittenLine_WaitsForItsEnd()
    {
        var journal = new Journal(File);
        Append($$"""{"n":1,{{At}},"type":"stopped","step":3}""" + "\n" + """{"n":2,"at":""");

        var first = journal.Read();
        Append("\"2026-11-21T08:00:01Z\",\"type\":\"stopped\",\"step\":4}\n");
        var second = journal.Read();

        Assert.Equal(3, Assert.IsType<StoppedEvent>(Assert.Single(first.Events)).Step);
        Assert.Equal(1, first.LastLine);
        Assert.Equal(2, Assert.IsType<StoppedEvent>(Assert.Single(second.Events)).N);
        Assert.Empty(journal.Read().Events);
    }

    [Fact]
    public void Read_BrokenLine_IsPassedOverAndCounted()
    {
        Append("{\"n\":1,\"at\n" + "nonsense\n" + $$"""{"n":3,{{At}},"type":"finished","step":9}""" + "\n");

        var batch = new Journal(File).Read();

        Assert.Equal(3, Assert.IsType<FinishedEvent>(Assert.Single(batch.Events)).N);
    }

    [Fact]
    public void Read_NumbersThatJsonDoesNotHave_AreNumbers()
    {
        Append(
            $$$"""{"n":1,{{{At}}},"type":"points","step":1,"epoch":0.5,"values":{"a":"NaN","b":"Infinity","c":"-Infinity","d":1.5}}"""
            + "\n");

        var points = Assert.IsType<PointsEvent>(Assert.Single(new Journal(File).Read().Events));

        Assert.Equal([double.NaN, double.PositiveInfinity, double.NegativeInfinity, 1.5], points.Values.Values);
    }

    [Fact]
    public void Read_LinesLongerThanItsBuffer_AreReadWhole()
    {
        var text = new string('x', 700_000);
        Append($$"""{"n":1,{{At}},"type":"message","level":"info","text":"{{text}}"}""" + "\n"
            + $$"""{"n":2,{{At}},"type":"finished","step":1}""" + "\n");
        var journal = new Journal(File);
        var events = new List<TrainingEvent>();
        JournalBatch batch;
        do
        {
            batch = journal.Read();
            events.AddRange(batch.Events);
        }
        while (batch.More);

        Assert.Equal([1, 2], events.Select(item => item.N));
    }

    [Theory]
    [InlineData(3999)]
    [InlineData(4000)]
    [InlineData(4001)]
    public void Clean_LongText_IsCutBetweenCharacters(int before)
    {
        var clean = StorableText.Clean(new string('x', before) + string.Concat(Enumerable.Repeat("\U0001F600", 100)) + "\0");

        Assert.EndsWith(" …", clean, StringComparison.Ordinal);
        Assert.InRange(clean.Length, 4000, 4003);
        Assert.True(Server.Http.Text.IsPlain(clean));
    }

    public void Dispose() => folder.Dispose();

    private void Append(string text) => System.IO.File.AppendAllText(File, text);
}
