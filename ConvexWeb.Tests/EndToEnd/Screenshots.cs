using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary><c>./convexweb screenshots</c>: every page in every state, light and dark, at three widths, as pictures to look at.</summary>
[Trait("kind", "browser")]
[Collection(ProductCollection.Name)]
public sealed class Screenshots(Product product)
{
    private static readonly int[] Widths = [1280, 768, 400];

    [Fact(Explicit = true)]
    [Trait("bench", "screenshots")]
    public async Task Every_page_in_every_state()
    {
        var folder = Directory.CreateDirectory(Environment.GetEnvironmentVariable("CONVEX_SCREENSHOTS") ?? "screenshots");
        var run = await product.FinishedRunAsync();
        var certified = await product.CertifiedRunAsync();
        var (page, _) = await product.Installation.OpenAsync("/");
        var states = PageStates.All(run, certified, await product.WaitingRunAsync(), product.Installation.Database).ToList();
        foreach (var state in states)
        {
            foreach (var width in Widths)
            {
                await page.SetViewportSizeAsync(width, 900);
                await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light, ReducedMotion = ReducedMotion.Reduce });
                await state.Reach(page);
                foreach (var theme in new[] { ColorScheme.Light, ColorScheme.Dark })
                {
                    await page.EmulateMediaAsync(new() { ColorScheme = theme, ReducedMotion = ReducedMotion.Reduce });
                    await Task.Delay(300); // charts are painted in the other theme in a later frame, which tells no one that it is done
                    var file = $"{state.Name}-{width}-{theme.ToString().ToLowerInvariant()}.png";
                    await page.ScreenshotAsync(new() { Path = Path.Combine(folder.FullName, file), FullPage = true });
                }
            }
        }
        Xunit.TestContext.Current.TestOutputHelper?.WriteLine($"{states.Count * Widths.Length * 2} pictures in {folder.FullName}");
    }
}
