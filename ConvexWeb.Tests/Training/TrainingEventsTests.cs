using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using ConvexWeb.Server.Certificates;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Events;

namespace ConvexWeb.Tests.Training;

/// <summary>
/// Events as JSON lines. Golden/journal.jsonl has lines that trainers wrote at commit dc9a643, before the records moved to Events.
/// </summary>
public sealed class TrainingEventsTests
{
    private const string At = "\"at\":\"2026-11-21T08:00:00Z\"";

    private static string[] Golden([CallerFilePath] string here = "") =>
        File.ReadAllLines(Path.Combine(Path.GetDirectoryName(here)!, "Golden", "journal.jsonl"));

    private static TrainingEvent? Parse(string line) => TrainingEvents.Parse(Encoding.UTF8.GetBytes(line));

    [Fact]
    public void Every_line_of_an_earlier_version_is_read_and_written_again_byte_by_byte()
    {
        var lines = Golden();
        var events = lines.Select(Parse).ToList();

        Assert.All(events, happened => Assert.NotNull(happened));
        Assert.Equal(lines, events.Select(happened => TrainingEvents.Line(happened!)));
        Assert.Equal(
            ["Checkpoint", "Epoch", "Failed", "Finished", "Message", "Points", "Started", "Stopped"],
            events.Select(happened => happened!.GetType().Name.Replace("Event", "", StringComparison.Ordinal))
                .Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_summary_is_the_same_JSON_in_the_journal_and_in_its_file()
    {
        foreach (var finished in Golden().Select(Parse).OfType<FinishedEvent>())
        {
            var text = RunSummaryJson.Write(finished.Summary!);
            Assert.Contains($"\"summary\":{text},", TrainingEvents.Line(finished), StringComparison.Ordinal);
            Assert.Equal(text, RunSummaryJson.Write(RunSummaryJson.Read(text)!));
        }
    }

    [Fact]
    public void Choices_are_the_words_that_they_have_always_been()
    {
        Assert.Equal(
            """{"type":"message","level":"warning","text":"a","n":1,"at":"1970-01-01T00:00:00+00:00"}""",
            TrainingEvents.Line(new MessageEvent(MessageLevel.Warning, "a") { N = 1, At = DateTimeOffset.UnixEpoch }));
        Assert.StartsWith(
            """{"state":"Succeeded","epochs":2,"steps":40,"ended_because":"done",""",
            RunSummaryJson.Write(new RunSummary(
                2, 40, "done", new Dictionary<string, double>(), new Dictionary<string, double>(), 1, 12.5, "abc")),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("convex", "pixels", "affine")]
    [InlineData("not_convex", "features", "convex")]
    [InlineData("not_proved", "features", "unknown")]
    [InlineData("inconclusive", "pixels", "unknown")]
    public void A_certificate_is_written_again_byte_by_byte(string verdict, string space, string standing)
    {
        var text = Certificate(verdict, space, standing);
        var certificate = JsonSerializer.Deserialize(text, EventJson.Default.Certificate);
        Assert.Equal(text, JsonSerializer.Serialize(certificate, EventJson.Default.Certificate));
    }

    [Fact]
    public void A_certificate_comes_to_the_API_in_its_words_and_one_of_other_words_is_none()
    {
        var result = CertificateResults.Read(Certificate("not_convex", "features", "affine"));
        var json = JsonSerializer.SerializeToNode(result, Answers.Json)!;
        Assert.Equal(
            ("NotConvex", "features", "Affine"),
            ((string?)json["verdict"], (string?)json["space"], (string?)json["structure"]!["tree"]![0]!["standing"]));

        Assert.Null(CertificateResults.Read(Certificate("perhaps", "features", "affine")));
        Assert.Null(CertificateResults.Read(Certificate("convex", "features", "concave")));
    }

    private static string Certificate(string verdict, string space, string standing)
    {
        const string test = "\"tested\":1,\"checks\":1,\"violations\":0,\"not_finite\":0,\"worst\":0";
        return $$"""{"model":"m","constraint":"none","verdict":"{{verdict}}","sentence":"s","space":"{{space}}","""
            + $$"""
            "structure":{"proved":false,"broken":[],"tree":[{"name":"a","standing":"{{standing}}","breaks":false,"children":[]}]},
            """
            + $$$"""
            "empirical":{"midpoint":[],"jensen":{"name":"j",{{{test}}}},"lines":{"name":"l",{{{test}}}},"segments":[],
            """
            + "\"violations\":0,\"checks\":2,\"not_finite\":0}}";
    }

    [Fact]
    public void Parse_EveryField_IsRead()
    {
        var all = Golden().Select(Parse).ToList();
        var started = all.OfType<StartedEvent>().First();
        Assert.Equal((0L, false, "cpu", 1), (started.Step, started.Resumed, started.Device, started.Threads));
        Assert.Equal((26634L, 9L, 45L), (started.Parameters, started.StepsPerEpoch, started.TotalSteps));
        Assert.Equal((1L, TimeSpan.Zero, 2026), (started.N, started.At.Offset, started.At.Year));
        Assert.Contains(all.OfType<PointsEvent>(), points => double.IsNaN(points.Values["grad_norm"]));
        Assert.Equal([CheckpointKind.Best, CheckpointKind.Last], all.OfType<CheckpointEvent>().Select(checkpoint => checkpoint.Kind));
        Assert.Contains(all.OfType<FinishedEvent>(), finished => finished.Summary!.Clusters?.Count == 3);
        Assert.Contains(all.OfType<FinishedEvent>(), finished => finished.Summary!.FittedEpoch > 0);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("[1]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{" + At + "}")]
    [InlineData("{\"n\":1,\"at\":\"2026-11-21T08")]
    [InlineData("""{"type":"points","step":1,"epoch":1,"values":{}}""")]
    [InlineData("{" + At + ""","type":"something new"}""")]
    [InlineData("{" + At + ""","type":"points","step":1,"epoch":1}""")]
    [InlineData("{" + At + ""","type":"points","step":1,"epoch":1,"values":null}""")]
    [InlineData("{" + At + ""","type":"points","step":1,"epoch":1,"values":{"a":"much"}}""")]
    [InlineData("{" + At + ""","type":"stopped","step":"1"}""")]
    [InlineData("{" + At + ""","type":"checkpoint","kind":"../../etc","step":1,"file":"x","bytes":1,"sha256":"x"}""")]
    [InlineData("{" + At + ""","type":"checkpoint","kind":1,"step":1,"file":"x","bytes":1,"sha256":"x"}""")]
    [InlineData("{" + At + ""","type":"message","level":1,"text":"x"}""")]
    [InlineData("{" + At + ""","type":"message","level":"info","text":"\ud800"}""")]
    [InlineData("{" + At + ""","type":"message","level":"fatal","text":"a"}""")]
    public void Parse_WhatIsNoEvent_IsNothing(string line) => Assert.Null(Parse(line));

    [Fact]
    public void Parse_CutAnywhere_IsNothing()
    {
        foreach (var line in Golden().Where(line => line.Length < 1000))
            for (var length = 0; length < line.Length; length++) Assert.Null(Parse(line[..length]));
    }

    [Fact]
    public void Parse_FurtherFieldsAndAnotherOrder_AreAllowed()
    {
        var stopped = Assert.IsType<StoppedEvent>(
            Parse("""{"n":7,"new":{"a":[1]},"at":"2026-11-21T09:00:00+01:00","step":3,"type":"stopped"}"""));
        Assert.Equal((7L, 3L, new DateTimeOffset(2026, 11, 21, 8, 0, 0, TimeSpan.Zero)), (stopped.N, stopped.Step, stopped.At));
        Assert.Equal(TimeSpan.Zero, stopped.At.Offset);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"summary\":null")]
    [InlineData(",\"summary\":[1]")]
    [InlineData(",\"summary\":{\"a\":1}")]
    [InlineData(",\"summary\":{\"state\":\"\\ud800\"}")]
    public void Parse_AnEndWithoutAReadableSummary_IsAnEndAllTheSame(string field)
    {
        var finished = Assert.IsType<FinishedEvent>(Parse($"{{{At},\"type\":\"finished\",\"step\":9{field}}}"));
        Assert.Equal(9, finished.Step);
        Assert.Null(finished.Summary);
    }

    [Fact]
    public void StepOf_HeaderWithoutProgressOrNoHeader_IsNull()
    {
        static long? Step(string header)
        {
            var bytes = Encoding.UTF8.GetBytes(header);
            using var file = new MemoryStream([.. BitConverter.GetBytes((long)bytes.Length), .. bytes]);
            return SafeTensorsHeader.StepOf(file, "x");
        }

        Assert.Equal(12, Step("""{"__metadata__":{"progress":"{\"step\":12}"}}"""));
        Assert.Null(Step("{}"));
        Assert.Null(Step("[]"));
        Assert.Null(Step("""{"__metadata__":{"progress":"[]"}}"""));
        Assert.Null(Step("""{"__metadata__":{"progress":"{}"}}"""));
        Assert.Null(Step("""{"__metadata__":7}"""));
    }
}
