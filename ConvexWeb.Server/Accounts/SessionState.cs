using System.Security.Claims;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;
using Microsoft.AspNetCore.Components.Server.Circuits;

namespace ConvexWeb.Server.Accounts;

/// <summary>Who a page's circuit belongs to: until its session ends, and then nobody.</summary>
public sealed class SessionState : ServerAuthenticationStateProvider
{
    private static readonly AuthenticationState Nobody = new(new ClaimsPrincipal(new ClaimsIdentity()));

    public void End() => SetAuthenticationState(Task.FromResult(Nobody));
}

/// <summary>Gives a circuit's services their caller, and takes him away when the session behind the circuit is over.</summary>
public sealed class CallerCircuitHandler(Caller caller, SessionState state, SessionWatch watch) : CircuitHandler, IDisposable
{
    private IDisposable? watched;

    public override async Task OnCircuitOpenedAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        var user = (await state.GetAuthenticationStateAsync()).User;
        caller.Use(user);
        if (user.Identity?.IsAuthenticated == true) watched = watch.Watch(user, End);
    }

    public void Dispose() => watched?.Dispose();

    private void End()
    {
        caller.Use(new ClaimsPrincipal(new ClaimsIdentity()));
        state.End();
    }
}
