using ConvexWeb.Server.Accounts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Accounts;

/// <summary>Defect D22 of the security review: what people see as one name is one name, and none is the product's own.</summary>
public sealed class NamesTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    [Theory]
    [InlineData("ada", "ada")]
    [InlineData("  ada.b-c_d+e@lab  ", "ada.b-c_d+e@lab")]
    [InlineData("\uFF41\uFF44\uFF41", "ada")] // full width
    [InlineData("e\u0301mile", "\u00E9mile")] // a letter and its accent are the letter with it
    [InlineData("\u00E9mile", "\u00E9mile")]
    [InlineData("\u540D\u524D", "\u540D\u524D")]
    [InlineData("an\u034Fna", null)] // joins graphemes, and is not drawn
    [InlineData("ada\uFE0F", null)] // chooses a variant
    [InlineData("a\uFE00da", null)]
    [InlineData("admin\u1160", null)] // a filler of Hangul
    [InlineData("ad\u3164min", null)]
    [InlineData("ad\uFFA0min", null)]
    [InlineData("ada\U000E0100", null)]
    [InlineData("a\u200Bda", null)]
    [InlineData("a da", null)]
    [InlineData("-ada", null)]
    [InlineData("a", null)]
    public async Task D22_A_name_has_one_form_and_nothing_that_is_not_seen(string typed, string? name)
        => Assert.Equal(name, await new Names(Database).NormalizeAsync(typed, default));

    [Theory]
    [InlineData("\uFF41\uFF44\uFF4D\uFF49\uFF4E")]
    [InlineData("Ad-Min")]
    [InlineData("automatic")]
    [InlineData("the.server", false)]
    [InlineData("ada", false)]
    public async Task D22_A_name_of_the_products_own_is_reserved_however_it_is_written(string typed, bool isReserved = true)
        => Assert.Equal(isReserved, Names.IsReserved((await new Names(Database).NormalizeAsync(typed, default))!));
}
