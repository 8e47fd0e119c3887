using Microsoft.AspNetCore.Identity;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// A password is long and not one that everybody tries; nothing else is asked of it. Lists of leaked passwords hold
/// few of twelve characters and more, and those few are made alike: a common word with digits, a word twice, a row of
/// the keyboard. So the pattern is refused.
/// </summary>
public sealed class PasswordRules : IPasswordValidator<User>
{
    public const int Shortest = 12;
    public const int Longest = 200;

    private static readonly string[] Rows =
    [
        "abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "1q2w3e4r5t6y7u8i9o0p",
    ];

    private static readonly HashSet<string> Words =
    [
        "", "access", "admin", "administrator", "america", "baseball", "basketball", "batman", "biteme", "changeit", "changeme",
        "changethis", "charlie", "chocolate", "computer", "convex", "convexity", "convexweb", "correcthorsebatterystaple", "default",
        "demo", "donald", "dragon", "football", "freedom", "guest", "hello", "helloworld", "hunter", "iloveyou", "internet", "jennifer",
        "jordan", "laboratory", "letmein", "liverpool", "login", "lovely", "loveyou", "maggie", "master", "michael", "michelle", "monkey",
        "mynoob", "mustang", "mypassword", "newpassword", "nopassword", "opensesame", "pass", "passphrase", "password", "passwort",
        "pokemon", "princess", "qwerty", "research", "researcher", "root", "secret", "secretpassword", "server", "shadow", "soccer",
        "spring", "starwars", "summer", "autumn", "winter", "sunshine", "superman", "superuser", "test", "testing", "thisisapassword",
        "trustno", "user", "welcome", "welcomeback", "whatever", "yourpassword",
    ];

    /// <returns>What is wrong, as the code that the page shows words for: password-short, password-long, password-common or
    /// password-name; null when it is good.</returns>
    public static string? Problem(string name, string password)
    {
        if (password.Length < Shortest) return "password-short";
        if (password.Length > Longest) return "password-long";
        if (name.Length >= 3 && password.Contains(name, StringComparison.OrdinalIgnoreCase)) return "password-name";
        return IsCommon(password.ToLowerInvariant()) ? "password-common" : null;
    }

    public Task<IdentityResult> ValidateAsync(UserManager<User> manager, User user, string? password) =>
        Task.FromResult(Problem(user.UserName ?? "", password ?? "") is { } problem
            ? IdentityResult.Failed(new IdentityError { Code = problem, Description = "The password is too short or too common." })
            : IdentityResult.Success);

    private static bool IsCommon(string password)
    {
        if (password.Distinct().Count() < 5) return true;
        if (Rows.Any(row => IsWalk(password, row))) return true;
        var letters = new string([.. password.Select(Plain).Where(char.IsLetter)]);
        var outer = new string([.. password.Trim([.. "0123456789!?.,;:-_*#$@+ "]).Select(Plain).Where(char.IsLetter)]);
        var plain = new string([.. password.Where(char.IsLetter)]);
        return Words.Contains(Once(outer)) || Words.Contains(Once(letters)) || Words.Contains(Once(plain)) || Once(password).Length <= 4;
    }

    // The shortest unit whose repetition is the text: passwordpassword → password.
    private static string Once(string text)
    {
        for (var length = 1; length <= text.Length / 2; length++)
        {
            if (text.Length % length == 0 && Enumerable.Range(0, text.Length).All(i => text[i] == text[i % length])) return text[..length];
        }
        return text;
    }

    // Nearly every character is followed by its neighbour in the row, forwards or backwards.
    private static bool IsWalk(string text, string row)
    {
        var steps = text.Zip(text.Skip(1), (a, b) => row.Contains($"{a}{b}") || row.Contains($"{b}{a}"));
        return steps.Count(step => step) >= (text.Length - 1) * 0.75;
    }

    private static char Plain(char c) => c switch
    {
        '0' => 'o',
        '1' or '!' => 'i',
        '3' => 'e',
        '4' or '@' => 'a',
        '5' or '$' => 's',
        '7' => 't',
        _ => c,
    };
}
