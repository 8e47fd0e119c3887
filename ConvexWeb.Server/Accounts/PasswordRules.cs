using Microsoft.AspNetCore.Identity;

namespace ConvexWeb.Server.Accounts;

/// <summary>
/// A password is long and not easily guessed; nothing else is asked of it. How easily, zxcvbn estimates: from its lists of passwords, names
/// and words, rows of the keyboard, repetitions, sequences and dates.
/// </summary>
public sealed class PasswordRules : IPasswordValidator<User>
{
    public const int Shortest = 12;

    /// <summary>Of PBKDF2 with HMAC-SHA-512. A password that was hashed with fewer is hashed again at the next sign-in.</summary>
    public const int HashIterations = 210_000;

    public const int Longest = 200;

    /// <summary>Of 0 to 4: 3 is some 100 million guesses and more.</summary>
    private const int LeastScore = 3;

    // What is looked at of a long one: the estimate takes long, and what is strong so far is strong.
    private const int Looked = 64;

    // Words of this product and place, and a known joke.
    private static readonly string[] Known =
    [
        "convex", "convexity", "convexweb", "laboratory", "research", "researcher", "generalization", "neuralnetwork",
        "correcthorsebatterystaple",
    ];

    private static readonly Lock OneAtATime = new();
    private static readonly Lazy<Zxcvbn.Zxcvbn> Estimator = new(() => new());

    /// <returns>What is wrong, as the code that the page shows words for: password-short, password-long, password-common or
    /// password-name; null when it is good.</returns>
    public static string? Problem(string name, string password)
    {
        if (password.Length < Shortest) return "password-short";
        if (password.Length > Longest) return "password-long";
        if (name.Length >= 3 && password.Contains(name, StringComparison.OrdinalIgnoreCase)) return "password-name";
        // A unit that is repeated is no better than the unit, however long the whole.
        return Score(name, Unit(password)) < LeastScore ? "password-common" : null;
    }

    public Task<IdentityResult> ValidateAsync(UserManager<User> manager, User user, string? password) =>
        Task.FromResult(Problem(user.UserName ?? "", password ?? "") is { } problem
            ? IdentityResult.Failed(new IdentityError { Code = problem, Description = "The password is too short or too common." })
            : IdentityResult.Success);

    private static int Score(string name, string password)
    {
        // Its matchers are said nowhere to be safe for several threads.
        lock (OneAtATime) return Estimator.Value.EvaluatePassword(password[..Math.Min(password.Length, Looked)], [name, .. Known]).Score;
    }

    // The shortest unit whose repetition is the text: passwordpassword → password.
    private static string Unit(string text)
    {
        var length = 1;
        while (text.Where((letter, at) => letter != text[at % length]).Any()) length++;
        return text[..length];
    }
}
