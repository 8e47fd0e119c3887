using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Api;

/// <summary>Pages decide in memory which runs a search finds: they must find what the database finds.</summary>
[Trait("kind", "database")]
public sealed class SearchTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task A_search_in_memory_finds_what_the_database_finds()
    {
        using var client = await host.UserAsync();
        foreach (var name in new[]
                 {
                     "Elephant", "Éléphant", "Straße", "STRASSE", "Σίσυφος", "\u212Aelvin", "İstanbul", "ſtrange", "100%", "a_b", @"a\\b",
                 })
            await client.SubmitAsync($$""","name":"{{name}}","grid":{"convexity.name":["none","exp_eps"]}""");
        var all = (await client.GetAsync<Page<RunRow>>("/api/v1/runs?limit=500")).Items;

        var most = 0;
        foreach (var search in new[]
                 {
                     "elephant", "ÉLÉPHANT", "éléphant", "elephant mlp", "STRASSE", "straße", "σίσυφοσ", "ΣΊΣΥΦΟΣ", "σίσυφος", "kelvin",
                     "i\u0307stanbul", "ISTANBUL",
                     "ſ", "s", "100%", "a_b", @"a\b", "  glyphs   exp_eps ", "elephantmlp", "nothing like it",
                 })
        {
            var page = await client.GetAsync<Page<RunRow>>($"/api/v1/runs?limit=500&search={Uri.EscapeDataString(search)}");
            var query = new RunQuery { Search = search };
            Assert.Equal((search, string.Join(' ', page.Items.Select(run => run.Id))), (search, Found(query)));
            most = Math.Max(most, page.Items.Count);
        }
        Assert.InRange(most, 2, all.Count);
        var (first, last) = (all[0], all[^1]);
        foreach (var (address, query) in new (string, RunQuery)[]
                 {
                     ($"studyId={first.StudyId}", new() { StudyId = first.StudyId }),
                     ($"ids={first.Id}&ids={last.Id}", new() { Ids = [last.Id, first.Id] }),
                     ("state=Queued", new() { State = RunState.Queued }),
                     ("state=Failed", new() { State = RunState.Failed }),
                     ($"state=Queued&studyId={last.StudyId}&search=exp_eps",
                         new() { State = RunState.Queued, StudyId = last.StudyId, Search = "exp_eps" }),
                 })
        {
            var page = await client.GetAsync<Page<RunRow>>($"/api/v1/runs?limit=500&{address}");
            Assert.Equal((address, string.Join(' ', page.Items.Select(run => run.Id))), (address, Found(query)));
        }

        string Found(RunQuery query) => string.Join(' ', all.Where(query.Matches).Select(run => run.Id));
    }

    [Fact]
    public async Task Letters_are_one_in_memory_when_they_are_one_to_the_database()
    {
        var letters = await host.Database.RowsAsync<(string Letter, string Lower)>(
            """
            select chr(n), lower(chr(n)) from generate_series(33, 65533) n
            where n not between 55296 and 57343 and lower(chr(n)) <> chr(n)
            """);
        Assert.True(letters.Count > 1000, $"{letters.Count}");
        var row = new RunRow
        {
            Id = 1, Name = "", State = RunState.Queued, Seed = 0, Model = "", Convexity = "", Dataset = "", Labels = "", StudyId = 1,
            Study = "", CreatedBy = "", CreatedAt = default, Attempt = 0, Step = 0, TotalSteps = 0, Epochs = 0, CancelRequested = false,
            GroupKey = "", LastSeq = 0,
        };

        var wrong = letters.Where(pair => !new RunQuery { Search = pair.Lower }.Matches(row with { Name = pair.Letter }));
        Assert.Empty(wrong.Select(pair => $"{pair.Letter} U+{(int)pair.Letter[0]:X4} {pair.Lower}"));
    }
}
