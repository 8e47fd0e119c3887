using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace ConvexWeb.Server.Accounts;

/// <summary>Names of accounts: what people see as one name is one name, and none can be taken for the product's own.</summary>
public static class Names
{
    public const int Shortest = 2;
    public const int Longest = 64;

    // Words that stand where a name does: what the product makes by itself, and who speaks for the lab.
    private static readonly HashSet<string> Reserved = new(StringComparer.OrdinalIgnoreCase)
    {
        "automatic", "demo", "admin", "administrator", "root", "system", "server", "convex", "convexweb", "worker", "nobody", "anonymous",
        "deleted", "support", "security", "everybody",
    };

    /// <summary>The one way in which a name is written: NFKC, without blanks around it.</summary>
    /// <returns>False for what no name may be: too short or long, or with signs that are not letters, digits, or . - _ @ + between them.
    /// </returns>
    public static bool TryNormalize(string? typed, [NotNullWhen(true)] out string? name)
    {
        name = null;
        if (typed is null || typed.Length > 4 * Longest || !Http.Text.IsPlain(typed)) return false;
        var normal = typed.Normalize(NormalizationForm.FormKC).Trim();
        if (normal.Length is < Shortest or > Longest) return false;
        if (!normal.EnumerateRunes().All(IsAllowed)) return false;
        if (!Rune.IsLetterOrDigit(normal.EnumerateRunes().First()) || !Rune.IsLetterOrDigit(normal.EnumerateRunes().Last())) return false;
        name = normal;
        return true;
    }

    /// <summary>Whether a name says that its owner is somebody else: also with signs between its letters, as in "ad-min".</summary>
    public static bool IsReserved(string name) => Reserved.Contains(string.Concat(name.Where(char.IsLetterOrDigit)));

    private static bool IsAllowed(Rune rune) => Rune.IsLetterOrDigit(rune)
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark
        || rune.Value is '.' or '-' or '_' or '@' or '+';
}
