using ConvexWeb.Server.Accounts;

namespace ConvexWeb.Tests.Support;

/// <summary>A user who is signed in by the password, in a browser.</summary>
public sealed record Person(User User, Forms Browser) : IAsyncDisposable
{
    public HttpClient Client => Browser.Client;

    public static async Task<Person> SignInAsync(ServerHost host, bool isAdmin = false)
    {
        var person = new Person(await host.AddUserAsync(isAdmin: isAdmin), new Forms(host));
        (await person.Browser.SignInAsync(person.User.UserName!)).Dispose();
        return person;
    }

    /// <summary>The secret of a link for a user's new password, or with null of an invitation.</summary>
    public async Task<string> LinkAsync(User? user)
    {
        var answer = await Client.PostAsync(user is null ? "/api/v1/invites" : $"/api/v1/users/{user.Id}/password-link", null);
        var link = (await answer.ReadAsync<OneTimeLink>()).Link;
        return System.Web.HttpUtility.ParseQueryString(new Uri(link).Query)["token"]!;
    }

    public ValueTask DisposeAsync()
    {
        Browser.Dispose();
        return ValueTask.CompletedTask;
    }
}
