using ConvexWeb.Server.Http;

namespace ConvexWeb.Server.Accounts;

public enum ProofAnswer
{
    Right,
    PasswordWrong,
    TooManyPasswords,
    CodeMissing,
    CodeWrong,
    TooManyCodes,
}

/// <summary>
/// Whether somebody who is signed in is still who he was: the password again, and the code where the account has a second factor. An open
/// session alone, or a password alone, is not enough for what gives rights.
/// </summary>
public sealed class PersonProof(Caller caller, PasswordCheck passwords, SecondFactors factors, CookieNames cookies)
{
    /// <returns>With <see cref="ProofAnswer.Right"/> also the account, as it was when the password was compared.</returns>
    public async Task<(ProofAnswer Answer, User? User)> AskAsync(HttpContext context, string? password, string? code)
    {
        var from = new TryOrigin(Network.Of(context), cookies.BrowserIn(context.Request), caller.Session);
        var cancel = context.RequestAborted;
        var (answer, user) = await passwords.AskAsync(caller.Actor, caller.Name, password, from, cancel);
        if (user is null || user.Id != caller.Id)
            return (answer == PasswordAnswer.TooMany ? ProofAnswer.TooManyPasswords : ProofAnswer.PasswordWrong, null);
        if ((await factors.StateAsync(user.Id, cancel)).Since is null) return (ProofAnswer.Right, user);
        if (string.IsNullOrWhiteSpace(code)) return (ProofAnswer.CodeMissing, null);
        return await factors.AskAsync(caller.Actor, user, code, from.Browser, cancel) switch
        {
            CodeAnswer.Right => (ProofAnswer.Right, user),
            CodeAnswer.TooMany => (ProofAnswer.TooManyCodes, null),
            _ => (ProofAnswer.CodeWrong, null),
        };
    }
}
