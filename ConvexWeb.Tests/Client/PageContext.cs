using ConvexWeb.Client.Contracts;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Forms;
using Microsoft.Extensions.DependencyInjection;
using Radzen;

namespace ConvexWeb.Tests.Client;

/// <summary>
/// What every page test needs: the services of the contracts as fakes, an interactive renderer, a browser that answers nothing.
/// </summary>
public abstract class PageContext : BunitContext
{
    protected PageContext()
    {
        JSInterop.Mode = JSRuntimeMode.Loose;
        JSInterop.SetupModule("./_content/ConvexWeb.Client/dist/charts.js").Mode = JSRuntimeMode.Loose;
        Services.AddRadzenComponents();
        Services.AddSingleton(TimeProvider.System);
        Services.AddSingleton<IRuns>(Runs);
        Services.AddSingleton<IRunFeed>(Feed);
        Services.AddSingleton<ICatalog>(Catalog);
        Services.AddSingleton<ICertificates>(Certificates);
        Services.AddSingleton<IWorkers>(Workers);
        Services.AddSingleton<AntiforgeryStateProvider, NoAntiforgery>();
        SetRendererInfo(new RendererInfo("Server", isInteractive: true));
    }

    protected FakeRuns Runs { get; } = new();
    protected FakeRunFeed Feed { get; } = new();
    protected FakeCatalog Catalog { get; } = new();
    protected FakeCertificates Certificates { get; } = new();
    protected FakeWorkers Workers { get; } = new();

    protected NavigationManager Navigation => Services.GetRequiredService<NavigationManager>();

    /// <summary>The page as it is at an address: the query string is read from there.</summary>
    protected IRenderedComponent<TPage> Open<TPage>(string address, Action<ComponentParameterCollectionBuilder<TPage>>? parameters = null)
        where TPage : IComponent
    {
        Navigation.NavigateTo(address);
        return Render(parameters ?? (_ => { }));
    }

    /// <summary>
    /// Finds and acts in one breath: a page that renders in between, when a timer of its own ends, would have other handlers
    /// than those that were found.
    /// </summary>
    protected static void Do<TPage>(IRenderedComponent<TPage> page, Action act)
        where TPage : IComponent => page.InvokeAsync(act).GetAwaiter().GetResult();

    private sealed class NoAntiforgery : AntiforgeryStateProvider
    {
        public override AntiforgeryRequestToken? GetAntiforgeryToken() => null;
    }
}
