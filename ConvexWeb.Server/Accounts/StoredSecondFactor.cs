using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Microsoft.Extensions.Options;
using OtpNet;
using QRCoder;

namespace ConvexWeb.Server.Accounts;

/// <summary>What people do with their own second factor, and administrators with those of others.</summary>
public sealed class StoredSecondFactor(
    Caller caller, SecondFactors factors, UserChanges users, Once once, IOptions<Settings> settings) : ISecondFactor
{
    private const string Issuer = "ConvexWeb";

    public async Task<SecondFactorView> GetAsync(CancellationToken cancel = default)
    {
        caller.RequirePerson("see the second factor");
        var (since, codes) = await factors.StateAsync(caller.Id, cancel);
        var isDue = since is null && settings.Value.AdminsNeedSecondFactor && await users.IsAdminAsync(caller.Id, cancel);
        return new(since, isDue, codes);
    }

    public async Task<NewSecondFactor> BeginAsync(CancellationToken cancel = default)
    {
        var secret = await factors.BeginAsync(caller.Act("make a second factor"), once, cancel)
            ?? throw new InvalidInputException("", "This account has a second factor already: remove it first.");
        var address = new OtpUri(OtpType.Totp, secret, caller.Name, Issuer).ToString();
        using var code = QRCodeGenerator.GenerateQrCode(address, QRCodeGenerator.ECCLevel.M);
        using var picture = new SvgQRCode(code);
        return new(Base32Encoding.ToString(secret).TrimEnd('='), address, picture.GetGraphic(4, "#000", "#fff"));
    }

    public async Task<IReadOnlyList<string>> ConfirmAsync(string code, CancellationToken cancel = default)
    {
        var (answer, codes) = await factors.ConfirmAsync(caller.Act("make a second factor"), code ?? "", once, cancel);
        return answer switch
        {
            CodeAnswer.Right => codes,
            CodeAnswer.TooMany => throw new InvalidInputException("code", StoredAccounts.TooManyCodes),
            _ => throw new InvalidInputException("code", "The code is wrong. Is the clock of the device with the app right?"),
        };
    }

    public async Task<IReadOnlyList<string>> RenewCodesAsync(CancellationToken cancel = default)
    {
        return await factors.RenewCodesAsync(caller.Act("make recovery codes"), once, cancel) is { Count: > 0 } codes
            ? codes
            : throw new InvalidInputException("", "This account has no second factor, which they would be for.");
    }

    public async Task RemoveAsync(CancellationToken cancel = default)
    {
        var act = caller.Act("remove the second factor");
        if (settings.Value.AdminsNeedSecondFactor && caller.IsAdmin)
            throw new InvalidInputException("", "This lab wants a second factor of its administrators.");
        await factors.RemoveAsync(caller.Id, act, act.By, cancel);
    }

    public async Task<bool> RemoveOfAsync(Guid user, CancellationToken cancel = default)
    {
        var act = caller.Act("remove second factors", asAdmin: true);
        if (user == caller.Id)
        {
            await RemoveAsync(cancel);
            return true;
        }
        return await factors.RemoveAsync(user, act, act.By, cancel) is not null;
    }
}
