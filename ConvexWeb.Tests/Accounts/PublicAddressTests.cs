using ConvexWeb.Server.Accounts;

namespace ConvexWeb.Tests.Accounts;

public sealed class PublicAddressTests
{
    [Theory]
    [InlineData("http://127.0.0.1:5080", "localhost;127.0.0.1", "http://127.0.0.1:5080/")]
    [InlineData("http://0.0.0.0:5080", "localhost;127.0.0.1", "http://localhost:5080/")]
    [InlineData("http://[::]:5080", "*", "http://localhost:5080/")]
    [InlineData("http://0.0.0.0:5080", "localhost;*.lab.example;convex.lab.example", "http://convex.lab.example:5080/")]
    public void Openable_IsAnAddressThatABrowserOpens(string listening, string allowed, string expected)
        => Assert.Equal(expected, PublicAddress.Openable(listening, allowed));
}
