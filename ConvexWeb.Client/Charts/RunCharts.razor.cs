using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;

namespace ConvexWeb.Client.Charts;

/// <summary>A run as the charts name and paint it.</summary>
/// <param name="Rest">Why no further point comes for now: finished or paused; null while some may come.</param>
public sealed record ChartRun(long Id, string Name, string Color, string? Rest = null);

/// <summary>
/// The place of the charts. Everything inside belongs to the chart module, which gets the points from the hub itself: no point ever
/// passes through Blazor.
/// </summary>
public sealed partial class RunCharts(IJSRuntime js) : ComponentBase, IAsyncDisposable
{
    private readonly Mount mount = new(js);
    private ChartHost host = default!;
    private string? mounted;
    private string? told;

    [Parameter, EditorRequired] public IReadOnlyList<ChartRun> Runs { get; set; } = [];

    /// <summary>Which charts, in order: accuracy, gap, loss, running.</summary>
    [Parameter] public IReadOnlyList<string> Charts { get; set; } = ["accuracy", "gap", "loss", "running"];

    /// <summary>Whether charts of further metrics can be chosen.</summary>
    [Parameter] public bool Others { get; set; }

    /// <summary>
    /// The metrics to choose from, for many runs: then only the points of what is charted are loaded. Null: all are,
    /// and each metric that comes can be chosen.
    /// </summary>
    [Parameter] public IReadOnlyList<string>? Metrics { get; set; }

    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (Runs.Count == 0) return;
        if (mounted == Key)
        {
            await TellRestsAsync();
            return;
        }
        (mounted, told) = (Key, Rests);
        await mount.ShowAsync(
            "mount", host.Element, new { runs = Runs, charts = Charts, others = Others, metrics = Metrics, icons = ChartIcons.All });
    }

    // A run that has ended or is paused is not live any more, whatever the connection is.
    private Task TellRestsAsync()
    {
        if (told == Rests) return Task.CompletedTask;
        told = Rests;
        return mount.TellAsync("setRests", Runs.Select(run => new { run.Id, run.Rest }));
    }

    private string Rests => string.Join(',', Runs.Select(run => run.Rest));

    private string Key => string.Join(',', Runs.Select(r => r.Id));

    public ValueTask DisposeAsync() => mount.DisposeAsync();
}
