using ConvexWeb.Server.Accounts;

namespace ConvexWeb.Tests.Accounts;

public sealed class PasswordRulesTests
{
    [Theory]
    [InlineData("password1234")]
    [InlineData("Password!2024")]
    [InlineData("P@ssw0rd2024!")]
    [InlineData("passwordpassword")]
    [InlineData("123456789012")]
    [InlineData("qwertyuiop[]")]
    [InlineData("1qaz2wsx3edc")]
    [InlineData("aaaaaaaaaaaa")]
    [InlineData("abababababab")]
    [InlineData("letmeinletmein")]
    [InlineData("iloveyou12345")]
    [InlineData("convexweb2026")]
    [InlineData("administrator")]
    [InlineData("correcthorsebatterystaple")]
    public void Problem_Common_IsRefused(string password) => Assert.Equal("password-common", PasswordRules.Problem("ada", password));

    [Theory]
    [InlineData("a quiet violet hill")]
    [InlineData("tr7Kq-92mmZp")]
    [InlineData("моя собака любит снег")]
    [InlineData("kilometres of wet sand")]
    public void Problem_Uncommon_IsNull(string password) => Assert.Null(PasswordRules.Problem("ada", password));

    [Theory]
    [InlineData("elevenchars", "password-short")]
    [InlineData("lovelace likes engines", "password-name")]
    public void Problem_Other_IsNamed(string password, string code) => Assert.Equal(code, PasswordRules.Problem("Lovelace", password));
}
