using System.Text.Json;
using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// A run's page that somebody has left open, looked at ten times a second: when its charts drew something new, and whether all of it was
/// live. Nothing is clicked on it.
/// </summary>
internal sealed class OpenPage(IPage page)
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(100);

    private const string Script = """
        since => {
          const shown = id => document.getElementById(id)?.checkVisibility() ?? false;
          const progress = document.querySelector('[data-testid=run-head] [role=progressbar]')?.title ?? '';
          return JSON.stringify({
            drawn: (window.convexLatency ?? []).map(entry => entry.drawn).filter(at => at > since),
            live: progress !== '' && ['live', 'finished'].includes(document.querySelector('[data-live]')?.dataset.live)
              && !shown('components-reconnect-modal') && !shown('blazor-error-ui'),
            progress,
          });
        }
        """;

    private readonly List<double> drawn = []; // milliseconds since 1970
    private readonly List<Look> looks = [];

    private sealed record Seen(IReadOnlyList<double> Drawn, bool Live, string Progress);

    private sealed record Look(DateTimeOffset At, bool Live, string Progress);

    public async Task FollowAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await LookAsync();
            await Task.Delay(BetweenLooks, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// The longest time without a new drawing that ended after a moment, in seconds; to be asked when the following is over.
    /// </summary>
    public double LongestStill(DateTimeOffset since)
    {
        var after = drawn.Zip(drawn.Skip(1)).Where(pair => pair.Second > since.ToUnixTimeMilliseconds()).ToList();
        Assert.True(after.Count > 20, $"The charts drew {after.Count} times after it.");
        return after.Max(pair => pair.Second - pair.First) / 1000;
    }

    /// <summary>
    /// After how many seconds it began to be live again and stayed so; what its circuit shows has moved on since.
    /// </summary>
    public double LiveAgain(DateTimeOffset since)
    {
        var later = looks.Where(look => look.At > since).ToList();
        var last = later.FindLastIndex(look => !look.Live);
        Assert.True(last >= 0, "The page noticed nothing: it was not a page of the killed node.");
        Assert.True(last < later.Count - 1, "The page was not live at its end.");
        Assert.NotEqual(later[last + 1].Progress, later[^1].Progress);
        return (later[last + 1].At - since).TotalSeconds;
    }

    private async Task LookAsync()
    {
        try
        {
            var text = await page.EvaluateAsync<string>(Script, drawn.Count > 0 ? drawn[^1] : 0.0);
            var seen = JsonSerializer.Deserialize<Seen>(text, JsonSerializerOptions.Web)!;
            drawn.AddRange(seen.Drawn);
            looks.Add(new(DateTimeOffset.UtcNow, seen.Live, seen.Progress));
        }
        catch (PlaywrightException)
        {
            looks.Add(new(DateTimeOffset.UtcNow, Live: false, "")); // between two documents
        }
    }
}
