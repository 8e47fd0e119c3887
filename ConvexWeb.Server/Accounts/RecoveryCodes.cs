using System.Security.Cryptography;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// Codes on paper, for whom the app is lost: 118 random bits each, so that their hashes in a stolen database are of no use.
/// </summary>
internal static class RecoveryCodes
{
    public const int Count = 10;

    // Without those that are taken for another.
    private const string Signs = "abcdefghjkmnpqrstuvwxyz23456789";
    private const int Groups = 6;
    private const int GroupLength = 4;

    public static IReadOnlyList<string> New() => [.. Enumerable.Range(0, Count).Select(_ => NewOne())];

    /// <summary>The hash that is stored; of a code however its reader has typed it.</summary>
    public static string Hash(string typed) => Secret.Hash(string.Concat(typed.Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant());

    private static string NewOne()
        => string.Join('-', Enumerable.Range(0, Groups).Select(_ => RandomNumberGenerator.GetString(Signs, GroupLength)));
}
