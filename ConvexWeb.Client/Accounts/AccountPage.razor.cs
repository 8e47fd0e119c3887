using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Shared.Feedback;
using Microsoft.AspNetCore.Components;

namespace ConvexWeb.Client.Accounts;

/// <summary>The visitor's tokens, sessions and password; for administrators also people and the links that let them in.</summary>
public sealed partial class AccountPage(ISecondFactor factor, Backend backend) : ComponentBase
{
    private bool asksForCode;

    /// <summary>What became of a change of the password.</summary>
    [SupplyParameterFromQuery] public string? Password { get; set; }

    // The form is the browser's own: it shows the field before anybody listens.
    protected override async Task OnInitializedAsync()
    {
        var asked = backend.Latest<SecondFactorView>();
        await asked.AskAsync(() => factor.GetAsync());
        asksForCode = asked.Value?.Since is not null;
    }

    // The address carries a word, never a sentence, so that nobody can put one into it.
    private (bool Good, string Text)? PasswordMessage => Password switch
    {
        null or "" => null,
        "changed" => (true, "Your password is changed. Every other browser is signed out; API tokens go on working."),
        "changed-all" => (true, "Your password is changed. Every other browser is signed out, and every token revoked."),
        "wrong" => (false, "The current password is wrong."),
        "code" => (false, "The code is wrong, or there was none. Each works once: wait for the next one."),
        "codes" => (false, "Too many attempts. Wait ten minutes and try again."),
        "busy" => (false, "Too many attempts. Wait a minute and try again."),
        var word => (false, NewPassword.Problem(word)),
    };
}
