namespace ConvexWeb.Client.Contracts;

/// <summary>The second factor of an account: a code of an app, asked for after the password.</summary>
/// <param name="Since">Since when it is asked for; null: it is not.</param>
/// <param name="IsDue">Whether the account has an administrator's rights only with one, and has none.</param>
/// <param name="CodesLeft">How many recovery codes can still be used.</param>
public sealed record SecondFactorView(DateTimeOffset? Since, bool IsDue, int CodesLeft);

/// <summary>What an authenticator app gets, once.</summary>
/// <param name="Secret">In base 32, to be typed where nothing can be scanned.</param>
/// <param name="Address">The same as an <c>otpauth</c> address.</param>
/// <param name="Picture">The address as a QR code, in SVG.</param>
public sealed record NewSecondFactor(string Secret, string Address, string Picture);

/// <summary>
/// The caller's second factor. What makes the account easier to enter wants the password again (<see cref="PasswordAgainException"/>), as
/// in <see cref="IAccounts"/>.
/// </summary>
public interface ISecondFactor
{
    Task<SecondFactorView> GetAsync(CancellationToken cancel = default);

    /// <summary>A new secret, which counts for nothing until a code of it is confirmed.</summary>
    /// <exception cref="InvalidInputException">There is a second factor already.</exception>
    Task<NewSecondFactor> BeginAsync(CancellationToken cancel = default);

    /// <summary>From now on codes are asked for. Every other session of the caller ends.</summary>
    /// <returns>Recovery codes, which cannot be read again.</returns>
    /// <exception cref="InvalidInputException">The code is wrong, or nothing was begun.</exception>
    Task<IReadOnlyList<string>> ConfirmAsync(string code, CancellationToken cancel = default);

    /// <summary>New recovery codes in the place of those that there are.</summary>
    Task<IReadOnlyList<string>> RenewCodesAsync(CancellationToken cancel = default);

    /// <exception cref="InvalidInputException">The lab wants it of administrators.</exception>
    Task RemoveAsync(CancellationToken cancel = default);

    /// <summary>Administrators only, for somebody who has lost the app and the codes: the sessions of the account end.</summary>
    /// <returns>False: there is no such account, or it has no second factor.</returns>
    Task<bool> RemoveOfAsync(Guid user, CancellationToken cancel = default);
}
