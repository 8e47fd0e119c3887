using MudBlazor;

namespace ConvexWeb.Client.Charts;

/// <summary>The icons of the charts' own buttons, which their script draws: by what the button does.</summary>
internal static class ChartIcons
{
    public static IReadOnlyDictionary<string, string> All { get; } = new Dictionary<string, string>
    {
        ["log"] = Icons.Material.Filled.Timeline,
        ["table"] = Icons.Material.Filled.TableChart,
        ["csv"] = Icons.Material.Filled.Download,
        ["png"] = Icons.Material.Filled.Image,
        ["closer"] = Icons.Material.Filled.ZoomIn,
        ["wider"] = Icons.Material.Filled.ZoomOut,
        ["all"] = Icons.Material.Filled.ZoomOutMap,
    };
}
