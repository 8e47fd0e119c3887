using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Identity;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// A browser whose user has typed the password and not yet the code of the second factor. Its cookie opens nothing but the form for the
/// code, for a few minutes, and is void when the password changes.
/// </summary>
public sealed class HalfSignIn(CookieNames cookies, IDataProtectionProvider protection, UserManager<User> users)
{
    private static readonly TimeSpan Life = TimeSpan.FromMinutes(5);

    private readonly ITimeLimitedDataProtector protector = protection.CreateProtector("half a sign-in").ToTimeLimitedDataProtector();

    public void Begin(HttpContext context, User user) => context.Response.Cookies.Append(
        cookies.Half, protector.Protect($"{user.Id} {PasswordOf(user)}", Life), cookies.Options(context, Life));

    public void End(HttpContext context) => context.Response.Cookies.Append(cookies.Half, "", cookies.Options(context, TimeSpan.Zero));

    /// <summary>Whose password was typed in this browser; null when there is none, or it was too long ago.</summary>
    public async Task<User?> FindAsync(HttpContext context)
    {
        if (context.Request.Cookies[cookies.Half] is not { Length: > 0 and < 2000 } cookie) return null;
        string text;
        try
        {
            text = protector.Unprotect(cookie);
        }
        catch (CryptographicException)
        {
            return null;
        }
        if (text.Split(' ') is not [var id, var password]) return null;
        return await users.FindByIdAsync(id) is { DisabledAt: null } user && PasswordOf(user) == password ? user : null;
    }

    // The hash of the salted hash: it tells one password from another, and nothing of either.
    private static string PasswordOf(User user) => Secret.Hash(user.PasswordHash ?? "");
}
