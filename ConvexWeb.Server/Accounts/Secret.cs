using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// Random strings that prove something to whoever holds them. Only their hash is stored: 256 random bits need no slow hash.
/// </summary>
public static class Secret
{
    public static string New(string prefix = "") => prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public static string Hash(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
}
