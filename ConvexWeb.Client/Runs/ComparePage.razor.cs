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

    private List<long> Ids => [.. (Asked ?? "").Split(',').Select(t => long.TryParse(t, out var id) ? id : 0).Where(id => id > 0).Distinct()];

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
        error = await Edge.TryAsync(logger, async () =>
        {
            var ids = Ids;
            var left = false;
            if (Study is { } study)
            {
                var page = await runs.ListAsync(new RunQuery { StudyId = study, Limit = Most });
                ids = [.. ids.Union(page.Items.Select(r => r.Id))];
                left = page.Total > page.Items.Count;
            }
            cut = left || ids.Count > Most;
            ids = [.. ids.Take(Most).Order()];
            var found = new List<RunDetail>();
            foreach (var id in ids)
            {
                if (await runs.FindAsync(id) is { } detail) found.Add(detail);
            }
            colours = RunColours.Assign(found.Select(d => d.Row.Id));
            missing = [.. ids.Except(found.Select(d => d.Row.Id))];
            details = found;
        });
    }

    private async Task RefreshAsync(IReadOnlyList<long> changed)
    {
        if (details is null) return;
        error = await Edge.TryAsync(logger, async () =>
        {
            for (var i = 0; i < details.Count; i++)
            {
                var id = details[i].Row.Id;
                if ((changed.Count == 0 || changed.Contains(id)) && await runs.FindAsync(id) is { } fresh) details[i] = fresh;
            }
        });
    }

    // Names alone do not tell runs apart: a study gives many runs one name, or one seed each.
    private static string Label(RunDetail detail) => $"{detail.Row.Name} · s{detail.Row.Seed}";
}
