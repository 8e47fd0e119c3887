using ConvexWeb.Client.Charts;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared;
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

    private readonly Latest<Comparison> latest = backend.Latest<Comparison>();
    private readonly Latest<IReadOnlyList<StudyView>> studies = backend.Latest<IReadOnlyList<StudyView>>();
    private string? shown;
    private Task loading = Task.CompletedTask;
    private IDisposable? watch;

    [SupplyParameterFromQuery(Name = "runs")] public string? Asked { get; set; }
    [SupplyParameterFromQuery(Name = "study")] public string? AskedStudy { get; set; }

    private long? Study => QueryValue.Number(AskedStudy);

    private List<long> Ids =>
    [
        .. (Asked ?? "").Split(',').Select(t => long.TryParse(t, out var id) ? id : 0).Where(id => id > 0).Distinct(),
    ];

    private bool IsChosen => Ids.Count > 0 || Study is not null;

    private string? Counted
        => latest.Value?.Details.Count switch { null or 0 => null, 1 => "1 run", var count => $"{count} runs" };

    private string? Error => IsChosen ? latest.Error : studies.Error;

    protected override Task OnParametersSetAsync()
    {
        if (!RendererInfo.IsInteractive || shown == $"{Asked}|{Study}") return Task.CompletedTask;
        shown = $"{Asked}|{Study}";
        latest.Forget();
        watch?.Dispose();
        return loading = LoadAsync();
    }

    private Task LoadAsync() => IsChosen ? CompareAsync() : SuggestAsync();

    // Without a choice in the address, the newest studies are offered.
    private Task<bool> SuggestAsync() => studies.AskAsync(() => runs.StudiesAsync(MostStudies));

    private async Task CompareAsync()
    {
        var (question, ids, asked) = (shown, Ids, Study);
        await latest.AskAsync(async () =>
        {
            var left = false;
            if (asked is { } study)
            {
                var page = await runs.ListAsync(new RunQuery { StudyId = study, Limit = Most });
                ids = [.. ids.Union(page.Items.Select(r => r.Id))];
                left = page.Total > page.Items.Count;
            }
            left |= ids.Count > Most;
            ids = [.. ids.Take(Most).Order()];
            Watch(question, ids);
            return new(ids, await runs.FindAllAsync(ids), left);
        });
    }

    // Before they are read, so that no change between is missed; unless the reader has chosen others meanwhile.
    private void Watch(string? question, IReadOnlyList<long> ids)
    {
        if (question != shown) return;
        watch?.Dispose();
        watch = feed.Subscribe(ids, news => InvokeAsync(() => TakeAsync(news)));
    }

    private async Task TakeAsync(RunNews news)
    {
        await loading;
        if (latest.Value is not { } listed) return;
        var changed = listed.Details.Select(d => d.Row.Id).Where(id => news.Missed || news.Rows.Any(row => row.Id == id)).ToList();
        if (changed.Count == 0 || !await latest.AskAsync(async () => listed.With(await runs.FindAllAsync(changed)))) return;
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

    /// <summary>The chosen runs that there are.</summary>
    /// <param name="Asked">Those that were looked for.</param>
    /// <param name="IsCut">More were chosen than a page can hold.</param>
    private sealed record Comparison(IReadOnlyList<long> Asked, IReadOnlyList<RunDetail> Details, bool IsCut)
    {
        public IReadOnlyList<long> Missing { get; } = [.. Asked.Except(Details.Select(d => d.Row.Id))];

        public IReadOnlyDictionary<long, string> Colours { get; } = RunColours.Assign(Details.Select(d => d.Row.Id));

        public Comparison With(IReadOnlyList<RunDetail> fresh)
            => this with { Details = [.. Details.Select(old => fresh.FirstOrDefault(d => d.Row.Id == old.Row.Id) ?? old)] };
    }
}
