using ConvexWeb.Tests.Support;
using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary><c>./convexweb screenshots</c>: every page in every state, light and dark, at three widths, as pictures to look at.</summary>
[Trait("kind", "browser")]
[Collection(ProductCollection.Name)]
public sealed class Screenshots(Product product, Browser browser)
{
    private static readonly int[] Widths = [1280, 768, 400];
    private static readonly ColorScheme[] Themes = [ColorScheme.Light, ColorScheme.Dark];

    [Fact(Explicit = true)]
    [Trait("bench", "screenshots")]
    public async Task Every_page_in_every_state()
    {
        var folder = Directory.CreateDirectory(Environment.GetEnvironmentVariable("CONVEX_SCREENSHOTS") ?? "screenshots");
        await using var viewers = await Viewers.PrepareAsync(product, browser);
        foreach (var (page, _, states) in viewers.All)
        {
            foreach (var state in states)
            {
                foreach (var width in Widths)
                {
                    await page.SetViewportSizeAsync(width, 900);
                    await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light, ReducedMotion = ReducedMotion.Reduce });
                    await Viewers.LookAsync(page, state, async () =>
                    {
                        foreach (var theme in Themes) await ShootAsync(page, theme, folder, $"{state.Name}-{width}");
                    });
                }
            }
        }
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine(
            $"{viewers.All.Sum(viewer => viewer.States.Count) * Widths.Length * Themes.Length} pictures in {folder.FullName}");
    }

    private static async Task ShootAsync(IPage page, ColorScheme theme, DirectoryInfo folder, string name)
    {
        await page.EmulateMediaAsync(new() { ColorScheme = theme, ReducedMotion = ReducedMotion.Reduce });
        await page.EvaluateAsync("() => scrollTo(0, 0)"); // else the head stands in the middle of the picture

        // A chart is drawn when it comes into sight, so the window is as tall as a page of charts while its picture is taken.
        var (width, height) = (page.ViewportSize!.Width, page.ViewportSize.Height);
        var tall = await page.EvaluateAsync<int>(
            "() => document.querySelector('[data-chart]') ? document.documentElement.scrollHeight : 0");
        if (tall > height) await page.SetViewportSizeAsync(width, tall);
        // Charts are painted in the other theme in a later frame, which tells no one that it is done.
        await Task.Delay(tall > 0 ? 1_000 : 300);
        var file = $"{name}-{theme.ToString().ToLowerInvariant()}.png";
        await page.ScreenshotAsync(new() { Path = Path.Combine(folder.FullName, file), FullPage = true });
        if (tall > height) await page.SetViewportSizeAsync(width, height);
    }
}
