using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;

namespace ConvexWeb.Client.Charts;

/// <summary>
/// Tells its page which runs have changed, as the hub reports them to the browser: at most some twice a second, and with an empty list
/// after a reconnect, when anything may have changed. Draws nothing.
/// </summary>
public sealed class LiveRows(IJSRuntime js) : ComponentBase, IAsyncDisposable
{
    private DotNetObjectReference<LiveRows>? self;
    private IJSObjectReference? module;
    private IJSObjectReference? watch;

    /// <summary>The runs to watch, fixed for the life of the component; null watches all.</summary>
    [Parameter] public IReadOnlyList<long>? Ids { get; set; }

    [Parameter, EditorRequired] public EventCallback<IReadOnlyList<long>> OnChanged { get; set; }

    [JSInvokable]
    public Task Changed(long[] ids) => InvokeAsync(() => OnChanged.InvokeAsync(ids));

    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (!firstRender) return;
        self = DotNetObjectReference.Create(this);
        module = await js.InvokeAsync<IJSObjectReference>("import", RunCharts.Module);
        watch = await module.InvokeAsync<IJSObjectReference>("watchRows", Ids, self);
    }

    public async ValueTask DisposeAsync()
    {
        await RunCharts.EndAsync(watch);
        if (module is not null) await RunCharts.EndAsync(module, call: false);
        self?.Dispose();
    }
}
