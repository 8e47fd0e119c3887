using System.Globalization;
using System.Text;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

/// <summary>Names of accounts: what people see as one name is one name, and none can be taken for the product's own.</summary>
public sealed class Names(NpgsqlDataSource database)
{
    public const int Shortest = 2;
    public const int Longest = 64;

    // Words that stand where a name does: what the product makes by itself, and who speaks for the lab.
    private static readonly HashSet<string> Reserved = new(StringComparer.OrdinalIgnoreCase)
    {
        "automatic", "demo", "admin", "administrator", "root", "system", "server", "convex", "convexweb", "worker", "nobody", "anonymous",
        "deleted", "support", "security", "everybody",
    };

    // What is drawn as nothing though it is a letter or a mark (Unicode: Default_Ignorable_Code_Point).
    private static readonly (int First, int Last)[] Invisible =
    [
        (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0),
        (0xE0000, 0xE0FFF),
    ];

    /// <summary>The one way in which a name is written: NFKC, without blanks around it.</summary>
    /// <returns>Null for what no name may be: too short or long, or with signs that are not letters, digits, or . - _ @ + between them.
    /// </returns>
    public async Task<string?> NormalizeAsync(string? typed, CancellationToken cancel)
    {
        if (typed is null || typed.Length > 4 * Longest || !Http.Text.IsPlain(typed)) return null;
        var normal = (Ascii.IsValid(typed) ? typed : await InFormAsync(typed, cancel)).Trim();
        if (normal.Length is < Shortest or > Longest) return null;
        if (!normal.EnumerateRunes().All(IsAllowed)) return null;
        if (!Rune.IsLetterOrDigit(normal.EnumerateRunes().First()) || !Rune.IsLetterOrDigit(normal.EnumerateRunes().Last())) return null;
        return normal;
    }

    // By the database: .NET has no normal forms without ICU, which is not on every machine.
    private async Task<string> InFormAsync(string typed, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.ExecuteScalarAsync<string>(
            new CommandDefinition("select normalize(@typed, NFKC)", new { typed }, cancellationToken: cancel)) ?? "";
    }

    /// <summary>Whether a name says that its owner is somebody else: also with signs between its letters, as in "ad-min".</summary>
    public static bool IsReserved(string name) => Reserved.Contains(string.Concat(name.Where(char.IsLetterOrDigit)));

    private static bool IsAllowed(Rune rune)
        => !Invisible.Any(range => rune.Value >= range.First && rune.Value <= range.Last)
        && (Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark
            || rune.Value is '.' or '-' or '_' or '@' or '+');
}
