using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;

namespace ConvexWeb.Client.Charts;

/// <summary>A run as the charts name and paint it.</summary>
/// <param name="Ended">No further point will come.</param>
public sealed record ChartRun(long Id, string Name, string Color, bool Ended = false);

/// <summary>
/// The place of the charts. Everything inside belongs to the chart module, which gets the points from the hub itself: no point ever
/// passes through Blazor.
/// </summary>
public sealed partial class RunCharts(IJSRuntime js) : ComponentBase, IAsyncDisposable
{
    internal const string Module = "./_content/ConvexWeb.Client/dist/charts.js";

    private ChartHost host = default!;
    private IJSObjectReference? module;
    private IJSObjectReference? board;
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
            await TellEndedAsync();
            return;
        }
        (mounted, told) = (Key, Ended);
        module ??= await js.InvokeAsync<IJSObjectReference>("import", Module);
        await EndAsync(board);
        board = await module.InvokeAsync<IJSObjectReference>(
            "mount", host.Element, new { runs = Runs, charts = Charts, others = Others, metrics = Metrics, icons = ChartIcons.All });
    }

    // A run that has ended is not live any more, whatever the connection is.
    private async Task TellEndedAsync()
    {
        if (board is null || told == Ended) return;
        told = Ended;
        await board.InvokeVoidAsync("setEnded", Runs.Where(run => run.Ended).Select(run => run.Id));
    }

    private string Ended => string.Join(',', Runs.Where(run => run.Ended).Select(run => run.Id));

    private string Key => string.Join(',', Runs.Select(r => r.Id));

    public async ValueTask DisposeAsync()
    {
        await EndAsync(board);
        if (module is not null) await EndAsync(module, call: false);
    }

    /// <summary>Ends an object of the browser; a browser that has gone has ended it already.</summary>
    internal static async ValueTask EndAsync(IJSObjectReference? thing, bool call = true)
    {
        if (thing is null) return;
        try
        {
            if (call) await thing.InvokeVoidAsync("dispose");
            await thing.DisposeAsync();
        }
        catch (JSDisconnectedException)
        {
        }
    }
}
