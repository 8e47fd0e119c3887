using AngleSharp.Dom;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Metrics;
using ConvexWeb.Client.Runs;

namespace ConvexWeb.Tests.Client;

public sealed class MeasurementsTests : PageContext
{
    [Theory]
    [InlineData(RunState.Queued, "come when the run has finished")]
    [InlineData(RunState.Running, "come when the run has finished")]
    [InlineData(RunState.Failed, "did not come to its end")]
    [InlineData(RunState.Cancelled, "did not come to its end")]
    [InlineData(RunState.Succeeded, "Nothing is stored of the end of this run")]
    public void Without_a_summary_it_says_why(RunState state, string sentence)
    {
        Runs.Add(1, r => r with { State = state });

        var section = Open();

        Assert.Contains(sentence, section.TextContent);
        Assert.Empty(section.QuerySelectorAll("table, svg, [aria-label=Loading]"));
    }

    [Fact]
    public void Its_shape_is_shown_until_it_is_read_and_then_the_data()
    {
        Add(Summary());
        var gate = Runs.SummaryGate = new TaskCompletionSource();
        var page = OpenPage();
        Assert.NotEmpty(page.FindAll(".measurements [aria-label=Loading]"));
        Assert.Empty(page.FindAll("[data-testid=measurements] table"));

        gate.SetResult();

        page.WaitForAssertion(() => Assert.NotEmpty(page.FindAll("[data-testid=measurements] table")));
        Assert.Empty(page.FindAll(".measurements [aria-label=Loading]"));
    }

    [Fact]
    public void What_cannot_be_read_can_be_tried_again()
    {
        Add(Summary());
        Runs.SummaryFailure = new InvalidOperationException("away");
        var page = OpenPage();
        Assert.NotEmpty(page.FindAll("[data-testid=measurements] [role=alert]"));

        Runs.SummaryFailure = null;
        page.Find("[data-testid=measurements] [role=alert] button").Click();

        Assert.Empty(page.FindAll("[data-testid=measurements] [role=alert]"));
        Assert.NotEmpty(page.FindAll("[data-testid=measurements] .confusion"));
    }

    [Fact]
    public void When_a_run_finishes_its_measurements_come_by_themselves()
    {
        Runs.Add(1, r => r with { State = RunState.Running });
        var page = OpenPage();
        Runs.All.Clear();
        Add(Summary());

        Feed.Tell(Runs.All[0].Row);

        page.WaitForAssertion(() => Assert.NotEmpty(page.FindAll("[data-testid=measurements] .confusion")));
    }

    [Fact]
    public void Best_and_last_stand_side_by_side_with_both_training_accuracies()
    {
        Add(Summary());
        // 10 steps an epoch. Of epoch 2, steps 11 to 15 lie in the first window and 16 to 20 in the second;
        // of epoch 3, 21 to 25 and 26 to 30.
        Runs.Points = new(RunningAverage.Metric, [5, 15, 25, 30], [0.5, 1.5, 2.5, 3], [10, 50, 70, 90]);

        var rows = Rows(Open(), "epochs-title");

        Assert.Equal(["Figure", "Best, epoch 2", "Last, epoch 3"], rows[0]);
        Assert.Contains(["Train accuracy, whole split", "99.00 %", "100.00 %"], rows);
        Assert.Contains(["Train accuracy, running average", "60.00 %", "80.00 %"], rows);
        Assert.Contains(["Gap, points", "+9.00", "+12.00"], rows);
        Assert.Contains(["Validation accuracy", "91.00 %", "90.00 %"], rows);
        Assert.DoesNotContain(rows, row => row[0].Contains("top-5", StringComparison.Ordinal)); // not measured, so no row
    }

    [Theory]
    [InlineData(true, "highest validation accuracy")]
    [InlineData(false, "lowest training loss")]
    public void It_says_what_best_means(bool validated, string sentence)
    {
        var summary = Summary();
        Add(validated ? summary : summary with { Best = new Dictionary<string, double> { ["train/loss"] = 0.1 } });

        Assert.Contains(sentence, Open().TextContent);
    }

    [Fact]
    public void A_reliability_diagram_has_a_bar_for_each_bin_with_images()
    {
        Add(Summary());

        var diagram = Open().QuerySelectorAll(".reliability").Single(d => d.TextContent.Contains("test split", StringComparison.Ordinal));

        var bars = diagram.QuerySelectorAll("rect.bar");
        Assert.Equal(2, bars.Length); // the third bin has none
        // A plot 236 high: accuracies 0.25 and 0.8.
        Assert.Equal(["59", "188.8"], bars.Select(bar => bar.GetAttribute("height")));
        Assert.Empty(diagram.QuerySelectorAll(".few"));
        Assert.Contains("ECE 0.18: confidence is 18.00 points from accuracy", diagram.TextContent);
        Assert.Contains("overconfident on the whole", diagram.TextContent);
        Assert.Contains("plain sum of the distances over the bins is 0.35", diagram.TextContent);
        Assert.Contains("2 bins with images", diagram.QuerySelector("svg")!.GetAttribute("aria-label"));
        Assert.Contains(["33.3 to 66.7", "40", "50.00 %", "25.00 %"], Rows(diagram));
    }

    [Fact]
    public void Confusions_of_few_classes_are_a_table_with_headers_on_both_sides()
    {
        Add(Summary());

        var table = Open().QuerySelector(".confusion")!;

        Assert.Equal(["True", "predicted 0", "predicted 1", "predicted 2", "Recall"], Heads(table));
        Assert.Equal(
            ["true 0", "true 1", "true 2"],
            table.QuerySelectorAll("tbody th[scope=row]").Select(th => th.GetAttribute("aria-label")));
        Assert.Contains(["0", "30", "10", "·", "75.00 %"], Rows(table));
        Assert.Equal("--share: 20%", table.QuerySelector("tbody .wrong")!.GetAttribute("style")); // 40 % · √(10/40)
        Assert.Contains(["2", "·", "·", "·", "–"], Rows(table)); // a class without an image
    }

    [Fact]
    public void Classes_that_have_names_are_called_by_them()
    {
        Add(Summary() with { Classes = ["cat", "dog", "caterpillar"] });

        var table = Open().QuerySelector(".confusion")!;

        Assert.Equal(["True", "predicted cat", "predicted dog", "predicted caterpillar", "Recall"], Heads(table));
        Assert.Equal(["cat", "dog", "caterpillar"], table.QuerySelectorAll("tbody th[scope=row]").Select(th => th.TextContent));
        Assert.Equal("cater…", table.QuerySelectorAll("thead th")[3].TextContent);
    }

    [Fact]
    public void The_peak_on_test_is_told_as_one_and_labels_and_clusters_are_shown()
    {
        Add(Summary() with
        {
            Peak = new Dictionary<string, double> { ["test/accuracy"] = 61.5 },
            PeakEpoch = 4,
            LabelsSha256 = "abc123",
            WrongLabels = 0.36,
            Clusters = [new(0.25, "Qk0="), new(0.75, "Qk0=")],
        });

        var section = Open();

        Assert.Contains("Peak on test, epoch 4", section.TextContent);
        Assert.Contains("61.50 %", section.QuerySelector("[aria-labelledby=epochs-title]")!.TextContent);
        Assert.Contains("chosen by the test split", section.TextContent);
        Assert.Contains("36.00 %", section.QuerySelector("[aria-labelledby=splits-title]")!.TextContent);
        Assert.Contains("abc123", section.TextContent);
        Assert.Equal(
            ["Expert 1: 25.00 % of the images", "Expert 2: 75.00 % of the images"],
            section.QuerySelectorAll(".clusters figcaption").Select(c => c.TextContent));
        Assert.StartsWith("data:image/bmp;base64,", section.QuerySelector(".clusters img")!.GetAttribute("src"));
    }

    [Fact]
    public void Of_many_classes_the_ten_worst_confusions_are_told_in_words()
    {
        var matrix = Enumerable.Range(0, 21)
            .Select(k => (IReadOnlyList<long>)[.. Enumerable.Range(0, 21).Select(j => j == k ? 100L : j == 0 ? k : 0)])
            .ToList();
        Add(Summary(matrix));

        var section = Open();
        var told = section.QuerySelectorAll(".worst li").Select(li => li.TextContent).ToList();

        Assert.Null(section.QuerySelector(".confusion"));
        Assert.Equal(10, told.Count);
        Assert.Equal("Class 20 is taken for class 0 20 times: 16.67 % of its images.", told[0]);
        Assert.StartsWith("Class 11 is taken for class 0 11 times", told[9]);
    }

    [Fact]
    public void Figures_of_classes_name_those_that_are_undefined_and_the_time_to_overfit()
    {
        Add(Summary());

        var section = Open();

        Assert.Contains(["Matthews correlation (MCC)", "0.9000", "−0.1000"], Rows(section, "splits-title"));
        Assert.Contains(["Balanced accuracy", "98.00 %", "87.50 %"], Rows(section, "splits-title"));
        Assert.Contains("1 class on the test split without an image or without a prediction: 2.", section.TextContent);
        Assert.Contains("epoch 3, step 30", section.TextContent);
    }

    [Fact]
    public void A_run_that_never_fits_says_so()
    {
        Add(Summary() with { FittedEpoch = null, FittedStep = null });

        Assert.Contains("not fitted", Open().TextContent);
    }

    [Theory]
    [InlineData(null, 9)]
    [InlineData(0.125, 10)]
    public void Layers_are_numbers_that_can_be_read(double? spike, int columns)
    {
        var summary = Summary();
        Add(summary with { Layers = [summary.Layers[0] with { SpikeShare = spike }] });

        var table = Open().QuerySelector("table.layers")!;

        Assert.Equal(columns, table.QuerySelectorAll("thead th").Length);
        var row = Rows(table)[1];
        Assert.Equal(["fc1.weight", "627,200", "50.00 %", "11,228", "16.45", "–", "−0.0482", "1.20e−5"], row.Take(8));
        if (spike is not null) Assert.Equal("12.50 %", row[8]);
    }

    private void Add(RunSummary summary)
    {
        Runs.Add(1, r => r with { State = RunState.Succeeded });
        Runs.Summaries[1] = summary;
    }

    private IRenderedComponent<RunPage> OpenPage() => Open<RunPage>("runs/1", p => p.Add(r => r.Id, 1));

    private IElement Open() => OpenPage().Find("[data-testid=measurements]");

    /// <summary>What the columns of a table are called when they are read out.</summary>
    private static IEnumerable<string> Heads(IElement table)
        => table.QuerySelectorAll("thead th").Select(th => th.GetAttribute("aria-label") ?? th.TextContent);

    private static List<string[]> Rows(IElement section, string labelledBy)
        => Rows(section.QuerySelector($"[aria-labelledby={labelledBy}]")!);

    private static List<string[]> Rows(IElement table)
        => [.. table.QuerySelectorAll("tr").Select(tr => tr.Children.Select(cell => cell.TextContent.Trim()).ToArray())];

    private static RunSummary Summary(IReadOnlyList<IReadOnlyList<long>>? matrix = null)
    {
        var test = new SplitSummary(matrix ?? [[30, 10, 0], [0, 40, 0], [0, 0, 0]],
            [new(0, 1 / 3.0, 0, 0, 0), new(1 / 3.0, 2 / 3.0, 40, 0.5, 0.25), new(2 / 3.0, 1, 60, 0.9, 0.8)],
            0.18, 0.35, 0.8, 0.875, 0.85, 0.86, -0.1, 0.7, [2]);
        return new()
        {
            Epochs = 3,
            Steps = 30,
            EndedBecause = "all epochs done",
            Final = new Dictionary<string, double>
            {
                ["train/accuracy"] = 100,
                ["test/accuracy"] = 88,
                ["gap"] = 12,
                ["validation/accuracy"] = 90,
            },
            Best = new Dictionary<string, double>
            {
                ["train/accuracy"] = 99,
                ["test/accuracy"] = 90,
                ["gap"] = 9,
                ["validation/accuracy"] = 91,
            },
            BestEpoch = 2,
            TrainSeconds = 17,
            WeightsSha256 = "1104d0c5",
            FittedEpoch = 3,
            FittedStep = 30,
            Splits = new Dictionary<string, SplitSummary>
            {
                ["test"] = test,
                ["train"] = test with { MacroRecall = 0.98, Matthews = 0.9, UndefinedClasses = [] },
            },
            Layers = [new("fc1.weight", 627_200, 313_600, 11_228.4, 16.4517, -0.04818, 1.2e-5, 2.7833)],
        };
    }
}
