using Microsoft.AspNetCore.Components;

namespace ConvexWeb.Client.Accounts;

/// <summary>The visitor's tokens, sessions and password; for administrators also people and the links that let them in.</summary>
public sealed partial class AccountPage : ComponentBase
{
    /// <summary>What became of a change of the password.</summary>
    [SupplyParameterFromQuery] public string? Password { get; set; }

    // The address carries a word, never a sentence, so that nobody can put one into it.
    private (bool Good, string Text)? PasswordMessage => Password switch
    {
        null or "" => null,
        "changed" => (true, "Your password is changed. Every other browser is signed out; API tokens go on working."),
        "changed-all" => (true, "Your password is changed. Every other browser is signed out, and every token revoked."),
        "wrong" => (false, "The current password is wrong."),
        "busy" => (false, "Too many attempts. Wait a minute and try again."),
        var word => (false, NewPassword.Problem(word)),
    };
}
