using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// Where the plain forms about names and passwords go: the circuit of a page cannot set a cookie. Each carries an antiforgery token. What
/// goes wrong is told to the page as a code in its query, so that no text of a stranger's choosing is ever shown.
/// </summary>
public static class SignInForms
{
    public static void MapSignInForms(this IEndpointRouteBuilder routes)
    {
        var forms = routes.MapGroup(PagesSetup.FormsPath).ExcludeFromDescription();
        forms.MapPost("/signin", SignIn).Allow(Access.Anyone);
        forms.MapPost("/code", SecondStep).Allow(Access.Anyone);
        forms.MapPost("/welcome", Welcome).Allow(Access.Anyone);
        forms.MapPost("/confirm", Confirm).Allow(Access.Person);
        forms.MapPost("/signout", SignOut).Allow(Access.Person);
        forms.MapPost("/password", ChangePassword).Allow(Access.Person);
    }

    private static async Task<RedirectHttpResult> SignIn(
        [FromForm] string? name, [FromForm] string? password, [FromForm] string? returnUrl,
        HttpContext context, PasswordCheck passwords, CookieNames cookies, Entrance entrance)
    {
        var from = new TryOrigin(Network.Of(context), cookies.BrowserIn(context.Request));
        var (answer, user) = await passwords.AskAsync(
            AuditActor.Stranger(Network.Address(context)), name, password, from, context.RequestAborted);
        return user is null
            ? To("/signin", ("error", answer == PasswordAnswer.TooMany ? "busy" : "wrong"), ("returnUrl", Local(returnUrl)))
            : await LetInAsync(entrance, context, user, Local(returnUrl));
    }

    // The code of the second factor, after the password.
    private static async Task<RedirectHttpResult> SecondStep(
        [FromForm] string? code, [FromForm] string? returnUrl, HttpContext context, Entrance entrance)
        => await entrance.AskCodeAsync(context, code) switch
        {
            CodeAnswer.Right => TypedResults.LocalRedirect(Local(returnUrl)),
            CodeAnswer.TooMany => To("/code", ("error", "busy"), ("returnUrl", Local(returnUrl))),
            CodeAnswer.Wrong => To("/code", ("error", "wrong"), ("returnUrl", Local(returnUrl))),
            _ => To("/signin", ("error", "stale"), ("returnUrl", Local(returnUrl))),
        };

    private static async Task<RedirectHttpResult> LetInAsync(Entrance entrance, HttpContext context, User user, string then)
        => await entrance.BeginAsync(context, user) switch
        {
            EntranceAnswer.Open => TypedResults.LocalRedirect(then),
            EntranceAnswer.AsksForCode => To("/code", ("returnUrl", then)),
            _ => To("/signin", ("error", "wrong"), ("returnUrl", then)),
        };

    private static async Task<RedirectHttpResult> Welcome(
        [FromForm] string? token, [FromForm] string? name, [FromForm] string? password,
        HttpContext context, LinkUses links, Entrance entrance)
    {
        var use = await links.UseAsync(context, token, name, password);
        return use.User is { } user
            ? await LetInAsync(entrance, context, user, "/")
            : To("/welcome", ("token", token), ("error", use.Problem), ("reset", use.IsReset ? "true" : null));
    }

    // A change of the password is meant to put others out: every other session ends, and links for another one are void. Tokens are not the
    // password's, and end where that is wished.
    private static async Task<RedirectHttpResult> ChangePassword(
        [FromForm] string? current, [FromForm] string? code, [FromForm] string? password, [FromForm] bool? tokens,
        HttpContext context, Caller caller, PersonProof proof, NewPasswords passwords, Sessions sessions)
    {
        // Before the proof, which may use up a recovery code.
        if (PasswordRules.Problem(caller.Name, password ?? "") is { } problem) return Back(problem);
        var (answer, user) = await proof.AskAsync(context, current, code);
        if (user is null) return Back(Word(answer));
        var cancel = context.RequestAborted;
        if (!await passwords.ChangeAsync(user, password!, tokens == true, caller.Actor, cancel)) return Back("wrong");
        await sessions.BeginAsync(context, user, Factor.Shown, cancel);
        return Back(tokens == true ? "changed-all" : "changed");

        static RedirectHttpResult Back(string word) => To("/account", ("password", word));
    }

    // The password once more, and the code where there is one, before something that gives somebody rights.
    private static async Task<RedirectHttpResult> Confirm(
        [FromForm] string? password, [FromForm] string? code, [FromForm] string? returnUrl,
        HttpContext context, Caller caller, PersonProof proof, Sessions sessions)
    {
        var (answer, _) = await proof.AskAsync(context, password, code);
        if (answer != ProofAnswer.Right) return To("/confirm", ("error", Word(answer)), ("returnUrl", Local(returnUrl)));
        return await sessions.ProveAsync(context, caller.Session!.Value, context.RequestAborted)
            ? TypedResults.LocalRedirect(Local(returnUrl))
            : To("/signin", ("error", "stale"), ("returnUrl", Local(returnUrl)));
    }

    private static string Word(ProofAnswer answer) => answer switch
    {
        ProofAnswer.TooManyPasswords => "busy",
        ProofAnswer.TooManyCodes => "codes",
        ProofAnswer.CodeMissing or ProofAnswer.CodeWrong => "code",
        _ => "wrong",
    };

    private static async Task<RedirectHttpResult> SignOut(
        HttpContext context, Caller caller, Sessions sessions, [FromForm] string? returnUrl)
    {
        await sessions.EndAsync(context, caller.Actor, context.RequestAborted);
        return TypedResults.LocalRedirect(RedirectHttpResult.IsLocalUrl(returnUrl) ? returnUrl! : "/signin");
    }

    private static string Local(string? address) => RedirectHttpResult.IsLocalUrl(address) ? address! : "/";

    private static RedirectHttpResult To(string path, params (string Name, string? Value)[] query)
        => TypedResults.LocalRedirect(path + QueryString.Create(
            query.Where(part => part.Value is not null).Select(part => KeyValuePair.Create(part.Name, part.Value))));
}
