using ConvexWeb.Client.Accounts;
using ConvexWeb.Client.Shared.Layout;
using Microsoft.Extensions.DependencyInjection;
using MudBlazor;

namespace ConvexWeb.Tests.Client;

public sealed class AccountPagesTests : PageContext
{
    [Fact]
    public void After_too_many_attempts_to_sign_in_the_way_back_is_kept()
    {
        var page = Open<SignInPage>("signin?error=busy&returnUrl=%2Fruns%2F4");

        Assert.Contains("Wait a minute", page.Find("[role=alert]").TextContent);
        Assert.Equal("/runs/4", page.Find("[name=returnUrl]").GetAttribute("value"));
    }

    [Fact]
    public void After_too_many_attempts_an_invitation_is_still_good()
    {
        var page = Open<WelcomePage>("welcome?error=busy&token=abc");

        Assert.Contains("Wait a minute", page.Find("[role=alert]").TextContent);
        Assert.Equal("abc", page.Find("[name=token]").GetAttribute("value"));
        Assert.DoesNotContain("not valid", Open<WelcomePage>("welcome?error=busy").Markup);
    }

    [Fact]
    public async Task Every_way_to_go_to_a_page_is_in_the_list_of_keys()
    {
        await Dialogs.InvokeAsync(() => Services.GetRequiredService<IDialogService>().ShowAsync<KeyboardList>("Keyboard"));

        var keys = Dialogs.FindAll("dt").Select(dt => string.Concat(dt.TextContent.Where(char.IsLetter)));

        Assert.Superset(new HashSet<string> { "gr", "gn", "gc", "gw", "gp", "ga" }, keys.ToHashSet());
    }
}
