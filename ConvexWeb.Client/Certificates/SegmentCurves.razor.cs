using ConvexWeb.Client.Charts;
using ConvexWeb.Client.Contracts;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;

namespace ConvexWeb.Client.Certificates;

/// <summary>
/// The place of the curves: the logits along straight lines between test images. They do not change, and are drawn by the chart module.
/// </summary>
public sealed partial class SegmentCurves(IJSRuntime js) : ComponentBase, IAsyncDisposable
{
    private readonly Mount mount = new(js);
    private ChartHost host = default!;

    /// <summary>Fixed for the life of the component.</summary>
    [Parameter, EditorRequired] public CertificateResult Result { get; set; } = default!;

    /// <summary>Whose logits, and in which space: the network's first.</summary>
    public IEnumerable<(string Name, IReadOnlyList<SegmentView> Segments)> Sources
    {
        get
        {
            yield return (Result.InPixels is null ? "This network" : "This head, in its features", Result.Empirical.Segments);
            if (Result.InPixels is { } pixels) yield return ("This network, in the pixels", pixels.Segments);
            if (Result.Control is { } control) yield return ("The control", control.Segments);
        }
    }

    protected override bool ShouldRender() => false;

    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (!firstRender) return;
        var sources = Sources.Where(source => source.Segments.Count > 0).Select(source => new { source.Name, source.Segments }).ToList();
        if (sources.Count == 0) return;
        var classes = sources.Max(source => source.Segments.Max(segment => segment.Logits.Count));
        var colours = RunColours.Assign(Enumerable.Range(0, classes).Select(number => (long)number));
        await mount.ShowAsync(
            "mountCurves", host.Element,
            new { sources, colours = Enumerable.Range(0, classes).Select(number => colours[number]), icons = ChartIcons.All });
    }

    public ValueTask DisposeAsync() => mount.DisposeAsync();
}
