using ConvexWeb.Client.Charts;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared.Feedback;
using Microsoft.AspNetCore.Components;

namespace ConvexWeb.Client.Runs;

/// <summary>Up to fifty runs over one another: <c>?runs=1,2,3</c>, or with <c>study=7</c> all of a study.</summary>
public sealed partial class ComparePage(IRuns runs, IRunFeed feed, TimeProvider time, Backend backend)
    : ComponentBase, IDisposable
{
    /// <summary>The most runs that one page can hold.</summary>
    public const int Most = 50;

    private const int MostStudies = 8;

    // Between two readings of runs that change; the feed gathers meanwhile.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private static readonly string[] Charts = ["accuracy", "gap", "loss"];

    private List<RunDetail>? details;
    private List<long> missing = [];
    private IReadOnlyDictionary<long, string> colours = new Dictionary<long, string>();
    private IReadOnlyList<(long Id, string Name)> studies = [];
    private bool cut;
    private string? error;
    private string? shown;
    private Task loading = Task.CompletedTask;
    private IDisposable? watch;

    [SupplyParameterFromQuery(Name = "runs")] public string? Asked { get; set; }
    [SupplyParameterFromQuery(Name = "study")] public long? Study { get; set; }

    private List<long> Ids =>
    [
        .. (Asked ?? "").Split(',').Select(t => long.TryParse(t, out var id) ? id : 0).Where(id => id > 0).Distinct(),
    ];

    protected override Task OnParametersSetAsync()
    {
        if (!RendererInfo.IsInteractive || shown == $"{Asked}|{Study}") return Task.CompletedTask;
        shown = $"{Asked}|{Study}";
        details = null;
        watch?.Dispose();
        return Ids.Count > 0 || Study is not null ? loading = LoadAsync() : SuggestAsync();
    }

    // Without a choice in the address, the newest studies are offered.
    private async Task SuggestAsync() => error = await backend.TryAsync(async () => studies =
    [
        .. (await runs.ListAsync(new RunQuery { Limit = 200 })).Items
            .Select(run => (run.StudyId, run.Study)).Distinct().Take(MostStudies),
    ]);

    private async Task LoadAsync()
    {
        // A reader who chooses other runs meanwhile gets those: an answer to an older question changes nothing.
        var (question, ids, asked) = (shown, Ids, Study);
        var left = false;
        List<RunDetail> found = [];
        var failure = await backend.TryAsync(async () =>
        {
            if (asked is { } study)
            {
                var page = await runs.ListAsync(new RunQuery { StudyId = study, Limit = Most });
                ids = [.. ids.Union(page.Items.Select(r => r.Id))];
                left = page.Total > page.Items.Count;
            }
            left |= ids.Count > Most;
            ids = [.. ids.Take(Most).Order()];
            if (question != shown) return;
            watch?.Dispose();
            watch = feed.Subscribe(ids, news => InvokeAsync(() => TakeAsync(news)));
            found = [.. await runs.FindAllAsync(ids)];
        });
        if (question != shown) return;
        error = failure;
        if (failure is not null) return;
        colours = RunColours.Assign(found.Select(d => d.Row.Id));
        (cut, missing, details) = (left, [.. ids.Except(found.Select(d => d.Row.Id))], found);
    }

    private async Task TakeAsync(RunNews news)
    {
        await loading;
        if (details is not { } listed) return;
        var changed = listed.Select(d => d.Row.Id).Where(id => news.Missed || news.Rows.Any(row => row.Id == id)).ToList();
        if (changed.Count == 0) return;
        var failure = await backend.TryAsync(async () =>
        {
            foreach (var fresh in await runs.FindAllAsync(changed)) listed[listed.FindIndex(d => d.Row.Id == fresh.Row.Id)] = fresh;
        });
        if (!ReferenceEquals(listed, details)) return;
        error = failure;
        StateHasChanged();
        await Task.Delay(Pause, time);
    }

    // Names alone do not tell runs apart: a study gives many runs one name, or one seed each.
    private static string Label(RunDetail detail) => $"{detail.Row.Name} · s{detail.Row.Seed}";

    public void Dispose()
    {
        shown = null; // a reading that is under way subscribes no more
        watch?.Dispose();
    }
}
