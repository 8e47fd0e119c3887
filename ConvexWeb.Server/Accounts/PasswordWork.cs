using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// The work of comparing a password, which is to be the same for every name: else the time of an answer would tell an account with a hash
/// of an earlier version, which took less, from an unknown name.
/// </summary>
internal static class PasswordWork
{
    // Identity's format 3: 1, then in big-endian the function, the iterations and the length of the salt, then salt and hash.
    private const byte Format = 1;
    private const int IterationsAt = 5;
    private const int HeaderLength = 13;

    private static readonly byte[] Salt = new byte[16];

    /// <summary>The hash of a random password.</summary>
    public static string HashOfNobody() => new PasswordHasher<User>(Options.Create(
        new PasswordHasherOptions { IterationCount = PasswordRules.HashIterations })).HashPassword(new User(), Secret.New());

    /// <summary>The iterations by which a hash falls short of those of today.</summary>
    public static void DoTheRest(string hash, string password)
    {
        var rest = PasswordRules.HashIterations - IterationsOf(hash);
        if (rest > 0) Rfc2898DeriveBytes.Pbkdf2(password, Salt, rest, HashAlgorithmName.SHA512, outputLength: 32);
    }

    /// <returns>0 for what is of another format.</returns>
    internal static int IterationsOf(string hash)
    {
        Span<byte> bytes = new byte[hash.Length];
        return Convert.TryFromBase64String(hash, bytes, out var length) && length > HeaderLength && bytes[0] == Format
            ? (int)BinaryPrimitives.ReadUInt32BigEndian(bytes[IterationsAt..])
            : 0;
    }
}
