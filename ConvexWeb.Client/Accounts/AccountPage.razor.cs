using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared.Feedback;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using MudBlazor;

namespace ConvexWeb.Client.Accounts;

/// <summary>Tokens of the signed-in user; for administrators also people and invitations.</summary>
public sealed partial class AccountPage(IAccounts accounts, IDialogService dialogs, Backend backend) : ComponentBase
{
    private IReadOnlyList<TokenView>? tokens;
    private IReadOnlyList<UserView>? users;
    private string? secret;
    private (string Link, string Words)? invitation;
    private string? error;
    private string tokenName = "";
    private int days = 90;
    private bool busy;
    private bool isAdmin;

    /// <summary>What became of a change of the password.</summary>
    [SupplyParameterFromQuery] public string? Password { get; set; }

    [CascadingParameter] private Task<AuthenticationState>? Authentication { get; set; }

    protected override async Task OnInitializedAsync()
    {
        if (!RendererInfo.IsInteractive) return;
        isAdmin = Authentication is not null && (await Authentication).User.IsInRole("admin");
        await LoadAsync();
    }

    private async Task LoadAsync() => error = await backend.TryAsync(async () =>
    {
        tokens = await accounts.TokensAsync();
        if (isAdmin) users = await accounts.UsersAsync();
    });

    private Task CreateAsync() => ActAsync(async () =>
    {
        if (string.IsNullOrWhiteSpace(tokenName)) return;
        secret = (await accounts.CreateTokenAsync(tokenName.Trim(), days > 0 ? days : null)).Secret;
        tokenName = "";
        tokens = await accounts.TokensAsync();
    });

    private async Task RevokeAsync(TokenView token)
    {
        if (!await ConfirmDialog.AskAsync(
            dialogs, "Revoke this token?", $"Scripts that use {token.Name} will be refused from now on.", "Revoke", "Keep it")) return;
        await ActAsync(async () =>
        {
            await accounts.RevokeTokenAsync(token.Id);
            secret = null;
            tokens = await accounts.TokensAsync();
        });
    }

    private Task InviteAsync(bool asAdmin) => ActAsync(async () =>
        invitation = (
            await accounts.InviteAsync(asAdmin),
            asAdmin ? "Send this link to the new administrator." : "Send this link to your colleague."));

    private Task PasswordLinkAsync(UserView user) => ActAsync(async () =>
        invitation = await accounts.PasswordLinkAsync(user.Id) is { } link
            ? (link, $"Send this link to {user.Name}, who can set a new password with it.")
            : null);

    private static string Words(int days) => days switch { 0 => "without end", 365 => "a year", _ => $"{days} days" };

    // The address carries a word, never a sentence, so that nobody can put one into it.
    private (bool Good, string Text)? PasswordMessage => Password switch
    {
        null or "" => null,
        "changed" => (true, "Your password is changed. Every other browser is signed out; API tokens go on working."),
        "wrong" => (false, "The current password is wrong."),
        "locked" or "busy" => (false, "Too many attempts. Wait some minutes and try again."),
        var word => (false, NewPassword.Problem(word)),
    };

    private async Task ActAsync(Func<Task> action)
    {
        if (busy) return;
        busy = true;
        error = await backend.TryAsync(action);
        busy = false;
    }
}
