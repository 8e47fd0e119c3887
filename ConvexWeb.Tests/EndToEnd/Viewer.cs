using ConvexWeb.Tests.Support;
using Microsoft.Playwright;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>Somebody's page, and the states that only they see. <paramref name="Errors"/> has what went wrong in the browser.</summary>
public sealed record Viewer(IPage Page, IReadOnlyList<string> Errors, IReadOnlyList<PageState> States);

/// <summary>All who are needed to see every page in every state.</summary>
public sealed class Viewers : IAsyncDisposable
{
    private readonly ShownRuns shown;
    private readonly Installation empty;

    private Viewers(ShownRuns shown, Installation empty, IReadOnlyList<Viewer> all) => (this.shown, this.empty, All) = (shown, empty, all);

    public IReadOnlyList<Viewer> All { get; }

    /// <summary>Leads a page into a state, has it looked at, and leaves the state, also when the look fails.</summary>
    public static async Task LookAsync(IPage page, PageState state, Func<Task> look)
    {
        try
        {
            await state.Reach(page);
            await look();
        }
        finally
        {
            if (state.Leave is not null) await state.Leave();
        }
    }

    public static async Task<Viewers> PrepareAsync(Product product, Browser browser)
    {
        var shown = await ShownRuns.PrepareAsync(product);
        var empty = await Installation.StartAsync(browser, ("Convex:Role", "web"), ("Convex:Demo", "false"));
        var (inside, errors) = await product.Installation.OpenAsync("/");
        var (first, firstErrors) = await empty.OpenAsync("/");
        var outside = await (await product.Installation.StrangerAsync()).NewPageAsync();
        return new(shown, empty,
        [
            new(inside, errors, [.. PageStates.All(shown, product.Installation.Database)]),
            new(first, firstErrors, PageStates.Empty),
            new(outside, [], PageStates.Outside),
        ]);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var viewer in All) await viewer.Page.Context.CloseAsync();
        await shown.DisposeAsync();
        await empty.DisposeAsync();
    }
}
