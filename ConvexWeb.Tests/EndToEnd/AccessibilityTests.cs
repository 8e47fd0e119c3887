using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>Every page in both themes, wide and narrow: axe finds nothing, and nothing makes the page itself scroll sideways.</summary>
[Collection(ProductCollection.Name)]
public sealed class AccessibilityTests(Product product)
{
    [Fact]
    public async Task No_page_has_a_violation()
    {
        var run = await product.FinishedRunAsync();
        var certified = await product.CertifiedRunAsync();
        var (page, errors) = await product.Installation.OpenAsync("/");
        var found = new List<string>();
        foreach (var (path, there) in new[]
                 {
                     ("/", "table.runs"), ("/new", ".composer:not([inert]) #f-model-width"),
                     ($"/runs/{run}", "[data-chart] canvas"), ($"/runs/{run}?tab=attempts", "a[download]"),
                     ($"/compare?runs={run}", "[data-chart] canvas"), ($"/runs/{run}/certificate", ".certificate-form"),
                     ($"/runs/{certified}/certificate", ".curves canvas"), ("/workers", ".worker"), ("/account", "#users-title"),
                 })
        {
            await page.GotoAsync(path);
            await page.Locator(there).First.WaitForAsync();
            foreach (var width in new[] { 1280, 400 })
            {
                await page.SetViewportSizeAsync(width, 900);
                foreach (var theme in new[] { ColorScheme.Light, ColorScheme.Dark })
                {
                    await page.EmulateMediaAsync(new() { ColorScheme = theme, ReducedMotion = ReducedMotion.Reduce });
                    found.AddRange(await ProblemsAsync(page, $"{path} {width} {theme}"));
                }
            }
        }
        Assert.Empty(found);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    private static async Task<List<string>> ProblemsAsync(IPage page, string where)
    {
        var result = await page.RunAxe(new AxeRunOptions { ResultTypes = [ResultType.Violations] });
        Assert.NotEmpty(result.Passes);
        var problems = result.Violations
            .Select(violation => $"{where}: {violation.Id} ({violation.Help}): "
                + string.Join(" | ", violation.Nodes.Take(3).Select(node => node.Html))).ToList();
        var over = await page.EvaluateAsync<int>("() => document.scrollingElement.scrollWidth - document.documentElement.clientWidth");
        if (over > 0) problems.Add($"{where}: the page is {over} px wider than the window");
        return problems;
    }
}
