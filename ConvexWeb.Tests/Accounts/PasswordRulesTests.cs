using ConvexWeb.Server.Accounts;

namespace ConvexWeb.Tests.Accounts;

public sealed class PasswordRulesTests
{
    /// <summary>Of twelve characters and more, made as people make them when twelve are asked for.</summary>
    private static readonly string[] Guessable =
    [
        "1234qwerasdf", "qazwsxedc123", "iloveyouforever", "password1234", "Password!2024", "P@ssw0rd2024!", "passwordpassword",
        "123456789012", "qwertyuiop[]", "1qaz2wsx3edc", "aaaaaaaaaaaa", "abababababab", "letmeinletmein", "iloveyou12345",
        "convexweb2026", "administrator", "correcthorsebatterystaple", "asdfghjkl123", "zxcvbnm12345", "trustno1trustno1", "sunshine2024",
        "monkeymonkey", "summer2024!!", "Winter2025!!", "football1234", "dragon123456", "jennifer1987", "liverpoolfc1", "manchesterunited",
        "q1w2e3r4t5y6", "qweasdzxc123", "asdfqwer1234", "1q2w3e4r5t6y", "poiuytrewq12", "0987654321qw", "mynameisadam", "ihateyou1234",
        "letmein12345", "changeme1234", "welcome12345", "admin1234567", "test12345678", "starwars2024", "harrypotter7", "spiderman123",
        "batman123456", "princess1234", "chocolate123", "basketball23", "thisisapassword", "mypassword123", "secretpassword",
        "opensesame123", "abc123abc123", "abcdefghijkl", "qwertyqwerty", "11111111111a", "a123456789012", "19900101abcd", "20240101abcd",
        "01/02/1990ab", "michaeljordan", "unbelievable", "trustnoone123", "deeplearning", "neuralnetwork", "machinelearning1",
        "stochastic123", "gradientdescent", "pytorch12345", "kingofthehill", "lordoftherings", "iloveyoubaby", "ilovemymom12",
        "jesuschrist1", "godisgreat12", "fuckyou12345", "asdasdasdasd", "zaq12wsxcde3", "!QAZ2wsx#EDC", "qwer1234!@#$", "Passw0rd1234",
        "computer1234", "internet1234", "thequickbrown", "convexityconvexity", "researcher2026", "laboratory123", "password password",
        "abcdefghij1!abcdefghij1!", "ada-ada-ada-ada-",
    ];

    [Fact]
    public void D8_What_is_easily_guessed_is_refused()
    {
        Assert.True(Guessable.Length >= 91);
        Assert.All(Guessable, password => Assert.Equal("password-common", PasswordRules.Problem("lovelace", password)));
    }

    [Theory]
    [InlineData("a quiet violet hill")]
    [InlineData("tr7Kq-92mmZp")]
    [InlineData("моя собака любит снег")]
    [InlineData("kilometres of wet sand")]
    [InlineData("vier grüne Tassen")]
    [InlineData("lab-notebook-17-otter")]
    public void What_is_not_is_taken(string password) => Assert.Null(PasswordRules.Problem("ada", password));

    [Theory]
    [InlineData("elevenchars", "password-short")]
    [InlineData("lovelace likes engines", "password-name")]
    public void What_else_is_wrong_is_named(string password, string code)
        => Assert.Equal(code, PasswordRules.Problem("Lovelace", password));
}
