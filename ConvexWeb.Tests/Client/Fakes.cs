using System.Text.Json;
using ConvexWeb.Client.Catalog;
using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Tests.Client;

/// <summary>Runs in memory, for pages. What a test wants to happen it sets; what happened it reads.</summary>
public sealed class FakeRuns : IRuns
{
    public List<RunDetail> All { get; } = [];
    /// <summary>What was asked of which run.</summary>
    public List<(ItemAction Action, long Run)> Actions { get; } = [];
    public IEnumerable<long> Cancelled => Actions.Where(asked => asked.Action == ItemAction.Cancel).Select(asked => asked.Run);
    public List<RunQuery> Queries { get; } = [];

    /// <summary>The ids of each question for several runs whole.</summary>
    public List<long[]> Found { get; } = [];
    public List<LogLine> Log { get; } = [];
    public Dictionary<long, RunSummary> Summaries { get; } = [];

    /// <summary>Points of the one metric that is asked for.</summary>
    public Series? Points { get; set; }
    public Submission? Submitted { get; private set; }
    public int Submissions { get; private set; }
    public IReadOnlyList<FieldProblem> Refusal { get; set; } = [];
    public Exception? Failure { get; set; }

    /// <summary>Set, it holds every answer back until it is completed: what was found when it was asked for.</summary>
    public TaskCompletionSource? Gate { get; set; }

    /// <summary>As <see cref="Gate"/> and <see cref="Failure"/>, for summaries.</summary>
    public TaskCompletionSource? SummaryGate { get; set; }
    public Exception? SummaryFailure { get; set; }

    /// <summary>As <see cref="Gate"/>, for the log.</summary>
    public TaskCompletionSource? LogGate { get; set; }

    public async Task<SubmissionResult> SubmitAsync(Submission submission, CancellationToken cancel = default)
    {
        await AnswerAsync();
        Submitted = submission;
        Submissions++;
        return Refusal.Count > 0
            ? new(null, [], Refusal)
            : new(7, submission.Seeds.Count == 1 && submission.Grid is null ? [41] : [41, 42], []);
    }

    public async Task<Page<RunRow>> ListAsync(RunQuery query, CancellationToken cancel = default)
    {
        Queries.Add(query);
        var found = All.Select(d => d.Row).Where(query.Matches).OrderByDescending(r => r.Id).ToList();
        var rest = query.After is null ? found : [.. found.Where(r => r.Id < long.Parse(query.After))];
        var page = rest.Skip(query.Skip).Take(query.Limit).ToList();
        await AnswerAsync();
        return new(page, rest.Count > query.Skip + page.Count ? page[^1].Id.ToString() : null, found.Count);
    }

    public async Task<IReadOnlyList<StudyView>> StudiesAsync(int limit, CancellationToken cancel = default)
    {
        await AnswerAsync();
        return [.. All.Select(detail => detail.Row).GroupBy(row => (row.StudyId, row.Study)).OrderByDescending(study => study.Key.StudyId)
            .Select(study => new StudyView(study.Key.StudyId, study.Key.Study, "ada", default, study.Count())).Take(limit)];
    }

    public async Task<RunDetail?> FindAsync(long id, CancellationToken cancel = default)
    {
        var found = All.FirstOrDefault(d => d.Row.Id == id);
        await AnswerAsync();
        return found;
    }

    public async Task<IReadOnlyList<RunDetail>> FindAllAsync(IReadOnlyCollection<long> ids, CancellationToken cancel = default)
    {
        Found.Add([.. ids]);
        var found = All.Where(d => ids.Contains(d.Row.Id)).OrderBy(d => d.Row.Id).ToList();
        await AnswerAsync();
        return found;
    }

    public Task<PointBatch?> PointsAsync(long id, PointQuery query, CancellationToken cancel = default) =>
        Task.FromResult(Points is { } points && query.Metrics?.Contains(points.Metric) == true
            ? new PointBatch(id, 1, 0, points.Steps.Count, null, false, [points])
            : null);

    public async Task<RunSummary?> SummaryAsync(long id, CancellationToken cancel = default)
    {
        if (SummaryGate is { } gate) await gate.Task;
        return SummaryFailure is null ? Summaries.GetValueOrDefault(id) : throw SummaryFailure;
    }

    public async Task<IReadOnlyList<LogLine>?> LogAsync(long id, long after, int limit, CancellationToken cancel = default)
    {
        var lines = Log.Where(l => l.Id > after).Take(limit).ToList();
        if (LogGate is { } gate) await gate.Task;
        return lines;
    }

    public Task<ActionResult> ActAsync(ItemAction action, long id, CancellationToken cancel = default)
    {
        Actions.Add((action, id));
        return Task.FromResult(new ActionResult(true, true, null));
    }

    public async Task<BulkResult> ActOnAllAsync(BulkAction action, CancellationToken cancel = default)
    {
        await AnswerAsync();
        Actions.AddRange(action.Ids.Select(id => (action.Action, id)));
        return new(action.Ids.Count, []);
    }

    public Task<BulkResult> PrioritiseAsync(Prioritise change, CancellationToken cancel = default)
        => Task.FromResult(new BulkResult(change.Ids.Count, []));

    public Task<ActionResult> RerunAsync(long id, CancellationToken cancel = default)
        => Task.FromResult(new ActionResult(true, true, null, 99));

    /// <summary>Puts a run in, with the row changed as wanted.</summary>
    public RunDetail Add(long id, Func<RunRow, RunRow>? change = null, string? spec = null)
    {
        var row = new RunRow
        {
            Id = id,
            Name = $"mlp-{id}",
            State = RunState.Queued,
            Seed = 0,
            Model = "mlp",
            Convexity = "none",
            Dataset = "glyphs",
            Labels = "true",
            StudyId = 7,
            Study = "First study",
            CreatedBy = "ada",
            CreatedAt = new(2026, 11, 21, 8, 0, 0, TimeSpan.Zero),
            Attempt = 0,
            Step = 0,
            TotalSteps = 100,
            Epochs = 10,
            CancelRequested = false,
            GroupKey = "g",
            LastSeq = 0,
        };
        var detail = new RunDetail
        {
            Row = change?.Invoke(row) ?? row,
            Spec = JsonDocument.Parse(spec ?? FakeCatalog.Default).RootElement,
            Parameters = 1_922_410,
            StepsPerEpoch = 10,
            Attempts = [],
            Checkpoints = [],
            Latest = new Dictionary<string, double>(),
        };
        All.Add(detail);
        return detail;
    }

    /// <summary>Changes the row of a run.</summary>
    public RunRow Change(long id, Func<RunRow, RunRow> change)
    {
        var place = All.FindIndex(d => d.Row.Id == id);
        All[place] = All[place] with { Row = change(All[place].Row) };
        return All[place].Row;
    }

    private async Task AnswerAsync()
    {
        if (Gate is { } gate) await gate.Task;
        if (Failure is not null) throw Failure;
    }
}

/// <summary>The feed of rows, in which a test tells what has changed.</summary>
public sealed class FakeRunFeed : IRunFeed
{
    private readonly List<Subscription> open = [];

    private sealed record Subscription(IReadOnlyCollection<long>? Ids, Func<RunNews, Task> Take, FakeRunFeed Feed) : IDisposable
    {
        public void Dispose() => Feed.open.Remove(this);
    }

    public int Subscriptions => open.Count;

    public IDisposable Subscribe(IReadOnlyCollection<long>? ids, Func<RunNews, Task> take)
    {
        var subscription = new Subscription(ids, take, this);
        open.Add(subscription);
        return subscription;
    }

    public void Tell(params IReadOnlyList<RunRow> rows)
    {
        foreach (var subscription in open.ToList())
        {
            var wanted = rows.Where(row => subscription.Ids?.Contains(row.Id) != false).ToList();
            if (wanted.Count > 0) _ = subscription.Take(new(wanted));
        }
    }

    public void Miss()
    {
        foreach (var subscription in open.ToList()) _ = subscription.Take(new([], Missed: true));
    }
}

/// <summary>A catalogue with every kind of field, and a check that knows the one rule "width at least 1".</summary>
public sealed class FakeCatalog : ICatalog
{
    public const string Default = """
        {"model":{"name":"mlp","width":800,"layers":[800,800],"bias":true},"convexity":{"name":"none"},"labels":{"name":"true"},
        "optimizer":{"name":"adam","lr":0.001},"training":{"epochs":20}}
        """;

    public CatalogView Get() => new(
    [
        new("model", "Model", "The network that is trained.",
        [
            new("mlp", "Fully connected", "S2, table 1", "Dense layers with ReLU.",
            [
                Parameter("width", "int", "800", min: 1, max: 4096, help: "Units of each hidden layer."),
                Parameter("layers", "int_list", "[800, 800]", help: "Hidden layers."),
                Parameter("bias", "bool", "true", help: "Whether layers have a bias."),
                Parameter("activation", "choice", "\"relu\"", allowed: ["relu", "celu"], help: "Convex and non-decreasing, or not."),
            ]),
            new("allconv", "All convolutional", "S2, table 2", "Nine convolutions.",
                [Parameter("width", "int", "96", min: 1, help: "Channels of the first stage.")]),
        ], []),
        new("convexity", "Convexity", "Whether the network is kept convex in its input.",
        [
            new("none", "None", "", "An ordinary network.", []),
            new("exp_eps", "Exponentiated", "S2, eq. 5", "Weights below zero are replaced by exp(w − ε).",
                [Parameter("eps", "number", "5", min: 0, help: "The shift ε.")]),
        ], []),
        new("labels", "Labels", "What is done to the training labels.",
        [
            new("true", "True", "", "As they are.", []),
            new("random", "Random", "S1, section 3", "Every label is drawn anew.", []),
        ], []),
        new("optimizer", "Optimizer", "How weights are updated.",
        [
            new("adam", "Adam", "Kingma and Ba 2015", "Adaptive moments.",
            [
                Parameter("lr", "number", "0.001", min: 0, help: "Learning rate."),
                Parameter("weight_decay", "number", null, min: 0, help: "Decay of the weights.", optional: true),
            ]),
        ], []),
        new("training", "Training", "For how long.", [],
            [Parameter("epochs", "int", "20", min: 1, max: 10_000, help: "Passes over the data.")]),
    ],
    [
        new("demo-glyphs", "MLP on glyphs", "Demo", "ours", "A small net that learns in a minute.", "All of it.", "There is no source.",
            JsonDocument.Parse(Default).RootElement, NeedsGpu: false),
        new("figure", "Figure 1: two widths", "Figures", "a paper, figure 1", "A study.", "Its recipe.", "Nothing known.",
            JsonDocument.Parse(Default).RootElement, NeedsGpu: false)
        {
            Varied = new Dictionary<string, string> { ["model.width"] = "8, 16" },
            Seeds = "0-2",
        },
    ],
    JsonDocument.Parse(Default).RootElement);

    public SpecCheck Check(JsonElement spec)
    {
        if (!SpecText.IsPlain(spec)) return new([new("", "This cannot be read.")], null);
        var width = spec.TryGetProperty("model", out var model) && model.TryGetProperty("width", out var value) ? value : default;
        if (width.ValueKind == JsonValueKind.String)
            return new([new("model.width", $"model.width must be a whole number from 1 to 4096; got \"{width.GetString()}\".")], null);
        if (width.ValueKind == JsonValueKind.Number && width.GetDouble() < 1)
            return new([new("model.width", "model.width must be at least 1.")], null);
        return new([], new(1_922_410, 10_000, 79, 1_580, 1.477,
        [
            new("fc1", "Linear", "[B, 800]", 2_458_400, []),
            new("fc2", "Linear", "[B, 800]", 640_800, ["fc2.weight"]),
            new("out", "Linear", "[B, 10]", 8_010, ["out.weight"]),
        ]));
    }

    private static CatalogParameter Parameter(
        string name, string type, string? value, double? min = null, double? max = null, string help = "",
        IReadOnlyList<string>? allowed = null, bool optional = false) =>
        new(name, char.ToUpperInvariant(name[0]) + name[1..].Replace('_', ' '), type, min, max,
            value is null ? null : JsonDocument.Parse(value).RootElement, allowed, help, optional);
}

/// <summary>Certificates in memory, for pages.</summary>
public sealed class FakeCertificates : ICertificates
{
    public CertificateView? Latest { get; set; }
    public CertificateChoices Choices { get; set; } = new(2000, []);
    public CertificateRequest? Requested { get; private set; }
    public IReadOnlyList<FieldProblem> Refusal { get; set; } = [];

    public Task<CertificateView?> RequestAsync(long runId, CertificateRequest request, CancellationToken cancel = default)
    {
        Requested = request;
        if (Refusal.Count > 0) throw new InvalidInputException(Refusal);
        Latest = View(runId, RunState.Queued) with
        {
            Checkpoint = request.Checkpoint,
            Pairs = request.Pairs ?? Choices.Pairs,
            Twin = request.Twin,
        };
        return Task.FromResult<CertificateView?>(Latest);
    }

    public Task<CertificateView?> LatestAsync(long runId, CancellationToken cancel = default) => Task.FromResult(Latest);

    public Task<ActionResult> CancelAsync(long runId, CancellationToken cancel = default)
    {
        Latest = Latest! with { State = RunState.Cancelled, Reason = "Cancelled by ada." };
        return Task.FromResult(new ActionResult(true, true, null));
    }

    public Task<CertificateChoices?> ChoicesAsync(long runId, CancellationToken cancel = default)
        => Task.FromResult<CertificateChoices?>(Choices);

    public static CertificateView View(long runId, RunState state, CertificateResult? result = null) => new()
    {
        Id = Guid.NewGuid(),
        RunId = runId,
        Attempt = 1,
        Checkpoint = "last",
        Step = 790,
        Sha256 = "9f86d081884c7d65",
        Pairs = 2000,
        State = state,
        RequestedAt = DateTimeOffset.UnixEpoch,
        RequestedBy = "ada",
        Result = result,
    };

    /// <summary>A network of a block and an end, where convexity ends in the block unless the verdict is Convex.</summary>
    public static CertificateResult Result(
        Verdict verdict = Verdict.Convex, string constraint = "exp_eps", InequalitiesView? inPixels = null) => new(
        "mlp", constraint, verdict, $"The sentence of {verdict}.", inPixels is null ? CertificateSpace.Pixels : CertificateSpace.Features,
        new ProofView(
            verdict == Verdict.Convex, verdict == Verdict.Convex ? [] : ["block.fc2"],
            [
                new("block", Standing.Unknown, verdict != Verdict.Convex,
                [
                    new("fc1", Standing.Affine, false, [], "Linear", "affine in the input"),
                    new("fc2", Standing.Unknown, verdict != Verdict.Convex, [], "Linear", "a weight is −0.3"),
                ]),
                new("end", Standing.Convex, false, [], "relu", "keeps convexity"),
            ], 2.5e-5),
        Test(verdict == Verdict.Convex ? 0 : 12), inPixels, constraint == "none" ? null : Test(4567),
        constraint == "none" ? null : "the unconstrained twin with its initial weights");

    public static InequalitiesView Test(long violations) => new(
        [new("test, test", 2000, 20_000, violations, 0, violations > 0 ? 0.25 : -0.5)], new("mixtures of 4", 2000, 20_000, 0, 0, -0.4),
        new("second differences on lines", 24, 7440, 0, 0, -0.001),
        [new(0, 1, [0, 0.5, 1], [[1, 0, 1], [2, 1.5, 1]], 0)], violations, 47_440, 0);
}

/// <summary>One worker, and what it trains.</summary>
public sealed class FakeWorkers : IWorkers
{
    public IReadOnlyList<long> Runs { get; set; } = [];
    public int Asked { get; private set; }

    /// <summary>What the one worker says of itself.</summary>
    public Func<WorkerView, WorkerView> Change { get; set; } = worker => worker;

    public Task<IReadOnlyList<WorkerView>> ListAsync(CancellationToken cancel = default)
    {
        Asked++;
        return Task.FromResult<IReadOnlyList<WorkerView>>([Change(new("w", "host", 2, "cpu", true, DateTimeOffset.UnixEpoch, Runs, []))]);
    }

    public Task<IReadOnlyList<WorkerSample>?> SamplesAsync(string name, DateTimeOffset? since, CancellationToken cancel = default)
        => throw new NotSupportedException();

    public Task<bool> DrainAsync(string name, bool draining, CancellationToken cancel = default) => throw new NotSupportedException();
}
