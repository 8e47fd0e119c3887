using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared.Feedback;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Forms;
using Microsoft.Extensions.DependencyInjection;
using MudBlazor;
using MudBlazor.Extensions;
using MudBlazor.Services;

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
        Services.AddMudServices();
        Services.AddSingleton<IFailures, Failures>();
        Services.AddScoped<Backend>();
        Services.AddSingleton(TimeProvider.System);
        Services.AddSingleton<IRuns>(Runs);
        Services.AddSingleton<IRunFeed>(Feed);
        Services.AddSingleton<ICatalog>(Catalog);
        Services.AddSingleton<ICertificates>(Certificates);
        Services.AddSingleton<IWorkers>(Workers);
        Services.AddSingleton<AntiforgeryStateProvider, NoAntiforgery>();
        // Over the pages stands what the layout has: lists that open, dialogs, messages.
        Popovers = Render<MudPopoverProvider>();
        Dialogs = Render<MudDialogProvider>();
        Messages = Render<MudSnackbarProvider>();
        SetRendererInfo(new RendererInfo("Server", isInteractive: true));
    }

    protected FakeRuns Runs { get; } = new();
    protected FakeRunFeed Feed { get; } = new();
    protected FakeCatalog Catalog { get; } = new();
    protected FakeCertificates Certificates { get; } = new();
    protected FakeWorkers Workers { get; } = new();

    protected IRenderedComponent<MudPopoverProvider> Popovers { get; }
    protected IRenderedComponent<MudDialogProvider> Dialogs { get; }
    protected IRenderedComponent<MudSnackbarProvider> Messages { get; }

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

    /// <summary>Chooses a value in a list, by the id of its field.</summary>
    protected static void Choose<TPage>(IRenderedComponent<TPage> page, string id, string value)
        where TPage : class, IComponent => Do(page, () => _ = Select(page, id).ValueChanged.InvokeAsync(value));

    /// <summary>What a list offers when it is opened.</summary>
    protected IReadOnlyList<string> Offered<TPage>(IRenderedComponent<TPage> page, string id)
        where TPage : class, IComponent
    {
        Do(page, () => _ = Select(page, id).OpenMenu());
        Popovers.WaitForElement("[role=option]");
        return [.. Popovers.FindAll("[role=option]").Select(option => option.TextContent.Trim())];
    }

    /// <summary>The list of a field, by its id.</summary>
    private static MudSelect<string> Select<TPage>(IRenderedComponent<TPage> page, string id)
        where TPage : class, IComponent
        => page.FindComponents<MudSelect<string>>().Single(list => list.Instance.GetState(found => found.InputId) == id).Instance;

    private sealed class NoAntiforgery : AntiforgeryStateProvider
    {
        public override AntiforgeryRequestToken? GetAntiforgeryToken() => null;
    }
}
