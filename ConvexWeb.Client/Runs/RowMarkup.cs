using System.Globalization;
using System.Net;
using ConvexWeb.Client.Catalog;
using ConvexWeb.Client.Charts;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ConvexWeb.Client.Runs;

/// <summary>
/// What rows of runs draw, as plain HTML. A row made of components would send some 150 parts with numbers of their own to the browser;
/// as one text it is a tenth of that on the wire, because rows are alike (<c>./convexweb bench visit</c>). Every text is encoded here.
/// </summary>
public static class RowMarkup
{
    /// <summary>
    /// The cells of a row but the first, in parts: what changes while a run goes on is replaced as a whole, and must not take the links
    /// with it, which somebody may be about to use.
    /// </summary>
    public static IEnumerable<MarkupString> Cells(RunRow row, CatalogView catalog, DateTimeOffset now)
    {
        var colour = RunColours.Of(row.Id);
        var title = $"{catalog.Network(row)} · {catalog.Task(row)}";
        var created = row.CreatedAt.UtcDateTime;
        yield return new(
            $"""
            <th scope="row" class="name"><span class="dot" style="--run:{colour}" aria-hidden="true"></span>
            <a href="runs/{row.Id}" title="{Text(title)}">{Text(row.Name)}</a></th>
            """);
        yield return new(
            $"""
            <td data-label="State">{Chip(row.State, row.CancelRequested, row.Stopping, row.Reason)}</td>
            <td data-label="Epochs">{Progress(row)}</td>
            <td data-label="Gap" class="num">{Gap(row)}</td>
            <td class="sparkcell" data-label="History">{Spark(row.Spark, colour)}</td>
            <td data-label="Train %" class="num">{Figures.Percent(row.TrainAccuracy)}</td>
            <td data-label="Test %" class="num">{Figures.Percent(row.TestAccuracy)}</td>
            """);
        yield return new(
            $"""
            <td data-label="Seed" class="num seed">{row.Seed}</td>
            <td data-label="Study" class="study"><a href="?study={row.StudyId}" title="{Text(row.Study)}">{Text(row.Study)}</a></td>
            """);
        yield return new(
            $"""
            <td data-label="Age" class="num muted age">
            <time datetime="{created:yyyy-MM-ddTHH:mm:ssZ}">{Figures.Span(now - row.CreatedAt)}</time></td>
            """);
    }

    /// <summary>The state of a run or a certificate, never by colour alone. Its sign is drawn once for a page, by StateSigns.</summary>
    public static string Chip(RunState state, bool cancelRequested, bool stopping, string? reason)
    {
        var goes = state.Goes();
        var sign = !goes || !(stopping || cancelRequested) ? state : cancelRequested ? RunState.Cancelled : RunState.Paused;
        var word = !goes ? $"{state}" : cancelRequested ? "Cancelling" : stopping ? "Stopping" : $"{state}";
        var tone = state switch
        {
            RunState.Running => "primary",
            RunState.Succeeded => "success",
            RunState.Failed => "error",
            _ => "default",
        };
        var why = reason is null ? "" : $" title=\"{Text(reason)}\"";
        return $"<span class=\"mud-chip mud-chip-text mud-chip-size-small mud-chip-color-{tone}\"{why} data-testid=\"state\">"
            + $"<svg class=\"sign\" aria-hidden=\"true\"><use href=\"#state-{sign}\"></use></svg>{word}</span>";
    }

    public static string Progress(RunRow row)
        => $"<span class=\"progress {row.State}\" role=\"progressbar\" aria-valuemin=\"0\" aria-valuemax=\"100\""
        + $" aria-valuenow=\"{(int)(100 * row.Share())}\" aria-label=\"Progress\""
        + $" title=\"step {Figures.Count(row.Step)} of {Figures.Count(row.TotalSteps)}\">"
        + $"<span><span style=\"width:{100 * row.Share():0.#}%\"></span></span>"
        + $"<span>{Figures.Short(row.Share() * row.Epochs)}/{Figures.Short(row.Epochs)}</span></span>";

    /// <summary>The gap as a number with its arrow.</summary>
    public static string Gap(RunRow row, bool large = false)
    {
        var trend = row.GapTrend();
        var title = row.Gap is null
            ? "No evaluation yet"
            : $"Train minus test accuracy, in points{(trend is { } way ? $"; {way.Word()}" : "")}";
        var arrow = $" <span class=\"trend\" aria-hidden=\"true\" data-testid=\"trend\">{trend?.Arrow()}</span>";
        return $"<span class=\"gap-now{(large ? " large" : "")}\" title=\"{title}\">{Figures.Gap(row.Gap)}{arrow}</span>";
    }

    /// <summary>
    /// The signature of a run, small: train solid, test dashed, the gap between them filled. The scale is 0 to 100 % on every one of them.
    /// </summary>
    public static string Spark(IReadOnlyList<GapPoint> points, string colour, int width = 96, int height = 24)
    {
        if (points.Count == 0) return "";
        var (first, last) = (points[0].Epoch, points[^1].Epoch);
        var newest = points[^1];
        var label = $"Train {Figures.Percent(newest.Train)} %, test {Figures.Percent(newest.Test)} % at epoch {newest.Epoch:0.#}";
        var drawn = points.Count == 1
            ? $"<line class=\"between\" x1=\"{X(0)}\" x2=\"{X(0)}\" y1=\"{Y(points[0].Train)}\" y2=\"{Y(points[0].Test)}\"/>"
            : $"<path class=\"between\" d=\"{Line(p => p.Train)}L{Line(p => p.Test, backward: true)[1..]}Z\"/>"
                + $"<path class=\"test\" d=\"{Line(p => p.Test)}\"/><path class=\"train\" d=\"{Line(p => p.Train)}\"/>";
        return $"<svg class=\"spark\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\""
            + $" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{label}\" style=\"--run:{colour}\">{drawn}</svg>";

        string Line(Func<GapPoint, double> value, bool backward = false)
        {
            var corners = points.Select((p, i) => (X: X(i), Value: value(p))).Where(c => double.IsFinite(c.Value));
            if (backward) corners = corners.Reverse();
            var text = string.Join('L', corners.Select(c => $"{c.X} {Y(c.Value)}"));
            return "M" + (text.Length > 0 ? text : "0 0");
        }

        string X(int i)
        {
            var share = last > first ? (points[i].Epoch - first) / (last - first) : 0.5;
            return (1 + share * (width - 2)).ToString("0", CultureInfo.InvariantCulture);
        }

        string Y(double percent)
        {
            var share = Math.Clamp(double.IsFinite(percent) ? percent : 0, 0, 100) / 100;
            return (height - 1 - share * (height - 2)).ToString("0.#", CultureInfo.InvariantCulture);
        }
    }

    /// <summary>The drawing of a state's sign.</summary>
    public static string IconOf(RunState state) => state switch
    {
        RunState.Queued => Icons.Material.Filled.Schedule,
        RunState.Running => Icons.Material.Filled.PlayArrow,
        RunState.Paused => Icons.Material.Filled.Pause,
        RunState.Succeeded => Icons.Material.Filled.Check,
        RunState.Failed => Icons.Material.Filled.WarningAmber,
        _ => Icons.Material.Filled.Block,
    };

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
