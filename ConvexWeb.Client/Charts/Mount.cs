using Microsoft.JSInterop;

namespace ConvexWeb.Client.Charts;

/// <summary>
/// What the chart module has put into a component's place: one thing at a time, in the order in which they were asked for. A component may
/// be gone before its module has come: then nothing is put there any more, and what comes late is ended.
/// </summary>
internal sealed class Mount(IJSRuntime js) : IAsyncDisposable
{
    private const string Module = "./_content/ConvexWeb.Client/dist/charts.js";

    private IJSObjectReference? module;
    private IJSObjectReference? thing;
    private Task turn = Task.CompletedTask;
    private bool isGone;

    /// <summary>Calls a function of the module, whose answer is the thing, in the place of what was there.</summary>
    public Task ShowAsync(string function, params object?[] arguments) => turn = AfterAsync(turn, async () =>
    {
        if (isGone) return;
        module ??= await js.InvokeAsync<IJSObjectReference>("import", Module);
        await EndAsync();
        if (!isGone) thing = await module.InvokeAsync<IJSObjectReference>(function, arguments);
    });

    /// <summary>Tells the thing something, once it is there.</summary>
    public Task TellAsync(string function, params object?[] arguments) => turn = AfterAsync(turn, async () =>
    {
        if (!isGone && thing is not null) await thing.InvokeVoidAsync(function, arguments);
    });

    public async ValueTask DisposeAsync()
    {
        isGone = true;
        await (turn = AfterAsync(turn, async () =>
        {
            await EndAsync();
            if (module is not null) await module.DisposeAsync();
        }));
    }

    private async ValueTask EndAsync()
    {
        if (thing is not { } before) return;
        thing = null;
        await before.InvokeVoidAsync("dispose");
        await before.DisposeAsync();
    }

    // A browser that has gone has ended everything already. What went wrong before was told where it was awaited.
    private static async Task AfterAsync(Task before, Func<Task> act)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        try
        {
            await act();
        }
        catch (JSDisconnectedException)
        {
        }
    }
}
