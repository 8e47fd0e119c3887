using System.Text.Json;
using ConvexWeb.Client.Catalog;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared;
using ConvexWeb.Client.Shared.Feedback;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ConvexWeb.Client.Studies;

/// <summary>
/// Composes a study: a spec, what varies in it, and seeds. <c>?preset=NAME</c>, <c>?from=RUN</c> and <c>?demo=true</c> prefill it;
/// <c>view=json</c> shows the spec as text.
/// </summary>
public sealed partial class NewExperiment(
    ICatalog catalog, IRuns runs, NavigationManager navigation, ISnackbar notes, TimeProvider time, Backend backend)
    : ComponentBase, IDisposable
{
    private const string FirstSeeds = "0";
    private static readonly TimeSpan TypingPause = TimeSpan.FromMilliseconds(200);
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly Latest<RunDetail?> source = backend.Latest<RunDetail?>(); // the run that the form is to start from
    private CatalogView view = default!;
    private SpecDraft draft = default!;
    private string preset = "";
    private string? json;
    private string? name;
    private string seedText = "0";
    private string? seedProblem;
    private IReadOnlyList<int>? seeds = [0];
    private Priority priority = Priority.Normal;
    private IReadOnlyList<FieldProblem> problems = [];
    private IReadOnlyList<FieldProblem> unread = []; // what keeps the JSON text from being a draft
    private SpecEstimate? estimate;
    private string? error;
    private bool busy;
    private bool left;
    private bool leaving;
    private bool reading; // the source
    private string? started;
    private CancellationTokenSource? typing;
    private TypedExperiment? kept;

    /// <summary>What a server that lets go of this page keeps of it, until the browser comes back.</summary>
    [PersistentState(RestoreBehavior = RestoreBehavior.SkipInitialValue)]
    public TypedExperiment? Kept
    {
        get => RendererInfo.IsInteractive && !reading && draft is not null
            ? new(started, preset, draft.ToJson(), draft.VariedTexts, json, name, seedText, priority)
            : null;
        set => kept = value;
    }

    [SupplyParameterFromQuery(Name = "preset")] public string? AskedPreset { get; set; }
    [SupplyParameterFromQuery(Name = "from")] public string? AskedSource { get; set; }
    [SupplyParameterFromQuery(Name = "demo")] public string? AskedDemo { get; set; }
    [SupplyParameterFromQuery(Name = "view")] public string? View { get; set; }

    private long? From => QueryValue.Number(AskedSource);

    private bool Demo => QueryValue.Flag(AskedDemo);

    private bool AsksForJson => View == "json";

    private long RunCount => draft.Combinations * (seeds?.Count ?? 0);

    private string SeedProblem => seedProblem ?? At("seeds");

    private bool TooMany => RunCount > Submission.MostRuns;

    /// <summary>The problems with their paths in the sentence, for where no field stands beside them.</summary>
    private IReadOnlyList<FieldProblem> Named =>
    [
        .. problems.Select(p => NamesItsField(p) ? p : p with { Message = $"{p.Path}: {p.Message}" }),
    ];

    // To the field that a problem stands at, which may be far from here. With <base>, a bare "#f-…" would lead to the start page.
    private string Anchor(FieldProblem problem)
    {
        var field = FieldProblems.FieldOf(problem.Path);
        var id = field switch
        {
            "name" => "study-name",
            "seeds" or "priority" => field,
            "spec_version" => "spec-json",
            _ when json is not null => "spec-json",
            _ => "f-" + field.Replace('.', '-'),
        };
        // The version of a spec is in its text only.
        var uri = field == "spec_version" ? navigation.GetUriWithQueryParameter("view", "json") : navigation.Uri;
        return $"{navigation.ToBaseRelativePath(uri).Split('#')[0]}#{id}";
    }

    private static bool NamesItsField(FieldProblem problem)
        => problem.Path.Length == 0 || problem.Message.Contains(FieldProblems.FieldOf(problem.Path), StringComparison.Ordinal);

    private string At(string path) => FieldProblems.Sentences(
        problems.Where(p => p.Path == path || p.Path.StartsWith(path + "[", StringComparison.Ordinal)));

    private static IReadOnlyList<(string, string)> Priorities =>
    [
        .. Enum.GetValues<Priority>().Where(level => level != Priority.Urgent).Reverse()
            .Select(level => (level.ToString(), level.ToString().ToLowerInvariant())),
    ];

    private void PriorityChosen(string level)
    {
        priority = Enum.Parse<Priority>(level);
        Check();
    }

    private void NameTyped(string? text)
    {
        name = text;
        Check();
    }

    // The page stays when its address changes, from another run's settings to an empty form for example: it then starts anew.
    protected override Task OnParametersSetAsync()
    {
        var wanted = Start(AskedPreset, From, Demo);
        if (wanted == started)
        {
            if (AsksForJson && json is null) json = Written();
            else if (!AsksForJson && json is not null) LeaveJson();
            return Task.CompletedTask;
        }
        started = wanted;
        return StartAsync();
    }

    private static string Start(string? preset, long? from, bool demo) => $"{preset}|{from}|{demo}";

    private Task StartAsync()
    {
        view = catalog.Get();
        draft = new SpecDraft(view);
        (preset, json, name, error, estimate, busy, leaving) = ("", null, null, null, null, false, false);
        (seedText, seeds, seedProblem, priority, unread) = ("0", [0], null, Priority.Normal, []);
        source.Forget();
        if (AskedPreset is not null && view.Presets.Any(p => p.Name == AskedPreset)) UsePreset(AskedPreset);
        else if (Demo) UseDemo();
        if (AsksForJson) json = Written();
        if (kept is not null && kept.Start == started)
        {
            TakeKept(kept);
            return Task.CompletedTask;
        }
        Check();
        reading = From is not null && RendererInfo.IsInteractive;
        return reading ? ReadSourceAsync() : Task.CompletedTask;
    }

    private void TakeKept(TypedExperiment typed)
    {
        kept = null;
        (preset, name, priority) = (typed.Preset, typed.Name, typed.Priority);
        draft.Load(typed.Spec);
        foreach (var (path, values) in typed.Varied) draft.Vary(path, values);
        json = typed.Json;
        if (json is not null) unread = Read(json);
        SeedsTyped(typed.Seeds);
    }

    private async Task ReadSourceAsync()
    {
        var id = From!.Value;
        (reading, error) = (true, null);
        if (!await source.AskAsync(() => runs.FindAsync(id))) return;
        reading = false;
        if (source.Error is not null) return;
        if (source.Value is not { } run)
        {
            error = $"There is no run {id} to start from; the form shows the defaults.";
            return;
        }
        draft.Load(run.Spec);
        (unread, leaving, seedProblem) = ([], false, null);
        (name, seedText, seeds) = (run.Row.Study, run.Row.Seed.ToString(), [run.Row.Seed]);
        if (json is not null) json = Written();
        Check();
    }

    // Into the address, so that a reload or a sent link begins with it; what else is typed stays as it is.
    private void PresetChosen(string? chosen)
    {
        UsePreset(chosen);
        var asked = preset.Length > 0 ? preset : null;
        (started, reading) = (Start(asked, null, demo: false), false);
        source.Forget();
        navigation.NavigateTo(
            navigation.GetUriWithQueryParameters(new Dictionary<string, object?> { ["preset"] = asked, ["from"] = null, ["demo"] = null }),
            replace: true);
    }

    private void UsePreset(string? chosen)
    {
        var before = view.Presets.FirstOrDefault(p => p.Name == preset);
        preset = chosen ?? "";
        (unread, leaving) = ([], false);
        var known = view.Presets.FirstOrDefault(p => p.Name == preset);
        draft.Load(known?.Spec ?? view.DefaultSpec);
        foreach (var (path, values) in known?.Varied ?? new Dictionary<string, string>()) draft.Vary(path, values);
        // A figure brings a name and seeds, and takes them with it; what was typed stays.
        if (name is null || name == before?.Title) name = known?.Seeds is null ? null : known.Title;
        if (seedText == (before?.Seeds ?? FirstSeeds)) seedText = known?.Seeds ?? FirstSeeds;
        seeds = SeedList.Parse(seedText, out seedProblem);
        json = json is null ? null : Written();
        Check();
    }

    // The first study of a newcomer: does a constraint keep a net from learning random labels by heart?
    private void UseDemo()
    {
        if (view.Presets.Any(p => p.Name == "demo-glyphs")) UsePreset("demo-glyphs");
        name = "Demo: free and convex, true and random labels";
        VaryOver("labels", "true", "random");
        VaryOver("convexity", "none", "exp_eps");
    }

    private void VaryOver(string key, params string[] wanted)
    {
        if (view.Sections.FirstOrDefault(s => s.Key == key) is not { } section) return;
        var there = wanted.Where(w => section.Choices.Any(c => c.Name == w)).ToList();
        if (there.Count < 2) return;
        draft.Choose(section, there[0]);
        draft.Vary($"{key}.name", string.Join(", ", there));
    }

    private async Task ChangedAsync()
    {
        typing?.Cancel();
        typing?.Dispose();
        var pause = (typing = new CancellationTokenSource()).Token;
        await Task.Delay(TypingPause, time, pause).ContinueWith(_ => { }, TaskScheduler.Default);
        if (!pause.IsCancellationRequested) Check();
    }

    private void Check()
    {
        if (unread.Count > 0)
        {
            problems = unread;
            return;
        }
        var check = catalog.Check(draft.ToJson());
        problems = check.Problems;
        // While something is wrong the last estimate stays, so that the page does not jump with every key.
        if (check.Estimate is not null) estimate = check.Estimate;
    }

    private void SeedsTyped(string? text)
    {
        seedText = text ?? "";
        seeds = SeedList.Parse(seedText, out seedProblem);
        Check();
    }

    private string Written() => JsonSerializer.Serialize(draft.ToJson(), Indented);

    private void ShowJson()
    {
        json ??= Written();
        NameView("json");
    }

    private void ShowForm()
    {
        LeaveJson();
        if (!leaving) NameView(null);
    }

    // A text that is no spec yet is not thrown away unasked.
    private void LeaveJson()
    {
        leaving = unread.Count > 0;
        if (!leaving) json = null;
    }

    private void DiscardText()
    {
        (json, unread, leaving) = (null, [], false);
        Check();
        NameView(null);
    }

    private void NameView(string? named) => navigation.NavigateTo(navigation.GetUriWithQueryParameter("view", named), replace: true);

    private Task JsonTypedAsync(string? text)
    {
        json = text ?? "";
        unread = Read(json);
        leaving = false;
        if (unread.Count == 0) return ChangedAsync();
        typing?.Cancel();
        Check();
        return Task.CompletedTask;
    }

    /// <summary>Makes the text the draft, or says why it cannot be one; then the draft stays as it was.</summary>
    private IReadOnlyList<FieldProblem> Read(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return [new("", "A spec is an object, such as {\"model\": {\"name\": \"mlp\"}}.")];
            if (!SpecText.IsPlain(document.RootElement))
            {
                return catalog.Check(document.RootElement).Problems is { Count: > 0 } found
                    ? found
                    : [new("", "A field is given more than once, or a text is broken.")];
            }
            draft.Rewrite(document.RootElement.Clone());
            return [];
        }
        catch (Exception wrong) when (wrong is JsonException or ArgumentException)
        {
            return [new("", $"This is not JSON yet: {wrong.Message}")];
        }
    }

    private async Task SubmitAsync()
    {
        // A second click may be under way while the button is still being disabled.
        if (busy) return;
        busy = true;
        await Task.Yield();
        var form = started;
        SubmissionResult? result = null;
        var failure = await backend.TryAsync(async () => result = await runs.SubmitAsync(new Submission
        {
            Name = string.IsNullOrWhiteSpace(name) ? null : name.Trim(),
            Spec = draft.ToJson(),
            Grid = draft.Grid(),
            Seeds = seeds!,
            Priority = priority,
        }));
        var words = result is { RunIds: [var only] } ? $"Run {only} is queued." : $"{result?.RunIds.Count} runs are queued.";
        if (left || form != started)
        {
            // The user has gone to another page or form.
            if (result is { Accepted: true }) notes.Add(words, Severity.Info);
            else notes.Add(failure ?? result!.Problems[0].Message, Severity.Error);
            return;
        }
        busy = result is { Accepted: true };
        error = failure;
        if (result is null) return;
        problems = result.Problems;
        if (result.Accepted) navigation.NavigateTo(result.RunIds is [var run] ? $"runs/{run}" : $"?study={result.StudyId}");
    }

    public void Dispose()
    {
        left = true;
        typing?.Cancel();
        typing?.Dispose();
    }
}
