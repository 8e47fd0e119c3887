using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared.Feedback;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ConvexWeb.Client.Accounts;

/// <summary>
/// A part of the account page with a list of its own, and what can be done with it. What wants the password again leads to the form for it:
/// a password never goes through a circuit.
/// </summary>
public abstract class AccountPart<T> : ComponentBase
{
    protected Latest<T> List { get; private set; } = default!;

    /// <summary>What became of the last thing that was done, when it went wrong.</summary>
    protected string? Problem { get; private set; }

    protected bool Busy { get; private set; }

    [Inject] protected IAccounts Accounts { get; set; } = default!;
    [Inject] protected IDialogService Dialogs { get; set; } = default!;
    [Inject] private Backend Backend { get; set; } = default!;
    [Inject] protected NavigationManager Navigation { get; set; } = default!;

    /// <summary>Where to come back to when the password was wanted, with what was typed here.</summary>
    protected virtual string Here => "/account";

    protected abstract Task<T> ReadAsync();

    protected override void OnInitialized() => List = Backend.Latest<T>();

    protected override Task OnInitializedAsync() => RendererInfo.IsInteractive ? LoadAsync() : Task.CompletedTask;

    protected Task LoadAsync() => List.AskAsync(ReadAsync);

    protected async Task ActAsync(Func<Task> action)
    {
        if (Busy) return;
        Busy = true;
        Problem = await Backend.TryAsync(async () =>
        {
            try
            {
                await action();
            }
            catch (PasswordAgainException)
            {
                Navigation.NavigateTo($"confirm?returnUrl={Uri.EscapeDataString(Here)}", forceLoad: true);
            }
        });
        await LoadAsync();
        Busy = false;
    }

    protected async Task AskAsync(string title, string text, string yes, string no, Func<Task> action)
    {
        if (await ConfirmDialog.AskAsync(Dialogs, title, text, yes, no)) await ActAsync(action);
    }
}
