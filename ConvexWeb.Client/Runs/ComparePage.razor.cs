using ConvexWeb.Client.Charts;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Logging;

namespace ConvexWeb.Client.Runs;

/// <summary>Up to fifty runs over one another: <c>?runs=1,2,3</c>, or with <c>study=7</c> all of a study.</summary>
public sealed partial class ComparePage(IRuns runs, ILogger<ComparePage> logger) : ComponentBase
{
    private const int Most = 50;

    private static readonly string[] Charts = ["accuracy", "gap", "loss"];

    private List<RunDetail>? details;
    private List<long> missing = [];
    private IReadOnlyDictionary<long, string> colours = new Dictionary<long, string>();
    private bool cut;
    private string? error;
    private string? shown;

    [SupplyParameterFromQuery(Name = "runs")] public string? Asked { get; set; }
    [SupplyParameterFromQuery(Name = "study")] public long? Study { get; set; }

    private List<long> Ids =>
    [
        .. (Asked ?? "").Split(',').Select(t => long.TryParse(t, out var id) ? id : 0).Where(id => id > 0).Distinct(),
    ];

    private string Key => string.Join(',', details!.Select(d => d.Row.Id));

    protected override Task OnParametersSetAsync()
    {
        if (!RendererInfo.IsInteractive || shown == $"{Asked}|{Study}") return Task.CompletedTask;
        shown = $"{Asked}|{Study}";
        details = null;
        return Ids.Count > 0 || Study is not null ? LoadAsync() : Task.CompletedTask;
    }

    private async Task LoadAsync()
    {
        // Whoever chooses other runs meanwhile gets those: an answer to an older question changes nothing.
        var (question, ids, asked) = (shown, Ids, Study);
        var left = false;
        var found = new List<RunDetail>();
        var failure = await Edge.TryAsync(logger, async () =>
        {
            if (asked is { } study)
            {
                var page = await runs.ListAsync(new RunQuery { StudyId = study, Limit = Most });
                ids = [.. ids.Union(page.Items.Select(r => r.Id))];
                left = page.Total > page.Items.Count;
            }
            left |= ids.Count > Most;
            ids = [.. ids.Take(Most).Order()];
            foreach (var id in ids)
            {
                if (await runs.FindAsync(id) is { } detail) found.Add(detail);
            }
        });
        if (question != shown) return;
        error = failure;
        if (failure is not null) return;
        colours = RunColours.Assign(found.Select(d => d.Row.Id));
        (cut, missing, details) = (left, [.. ids.Except(found.Select(d => d.Row.Id))], found);
    }

    private async Task RefreshAsync(IReadOnlyList<long> changed)
    {
        if (details is not { } listed) return;
        var failure = await Edge.TryAsync(logger, async () =>
        {
            for (var i = 0; i < listed.Count; i++)
            {
                var id = listed[i].Row.Id;
                if ((changed.Count == 0 || changed.Contains(id)) && await runs.FindAsync(id) is { } fresh) listed[i] = fresh;
            }
        });
        if (ReferenceEquals(listed, details)) error = failure;
    }

    // Names alone do not tell runs apart: a study gives many runs one name, or one seed each.
    private static string Label(RunDetail detail) => $"{detail.Row.Name} · s{detail.Row.Seed}";
}
