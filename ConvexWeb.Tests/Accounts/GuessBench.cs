using System.Net;
using System.Text.RegularExpressions;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Workers;
using Microsoft.AspNetCore.Identity;

namespace ConvexWeb.Tests.Accounts;

/// <summary>
/// <c>./convexweb bench guesses</c>: two web nodes as processes. Bursts of guesses from many connections are looked at no more often than
/// the rule allows, and the time of an answer does not tell a name that an account has from one that none has.
/// </summary>
public sealed partial class GuessBench
{
    private const int Accounts = 50;
    private const int TriesEach = 4;

    // Two-sided, of the normal approximation: beyond it, a difference would be seen by chance once in a thousand times.
    private const double MostDistinct = 3.29;

    [Fact(Explicit = true)]
    [Trait("bench", "guesses")]
    public async Task Two_hundred_guesses_in_bursts_of_fifty_on_two_nodes()
    {
        await using var lab = await ProcessLab.StartAsync();
        var nodes = new[] { await lab.StartWebAsync(), await lab.StartWebAsync() };
        await AddAccountAsync(lab, "ada");
        var visitors = await Task.WhenAll(Enumerable.Range(0, 10).Select(n => Visitor.ComeAsync(nodes[n % 2].Address)));
        var answers = new List<string>();
        var begun = TimeProvider.System.GetTimestamp();
        for (var burst = 0; burst < 4; burst++)
        {
            answers.AddRange(await Task.WhenAll(Enumerable.Range(0, 50).Select(
                n => visitors[n % 10].TryAsync("ada", $"guess {burst} {n}"))));
        }
        var minutes = TimeProvider.System.GetElapsedTime(begun).TotalMinutes;

        var looked = answers.Count(answer => answer.Contains("error=wrong", StringComparison.Ordinal));
        ProcessLab.Say($"{answers.Count} guesses in {minutes * 60:0.0} s: {looked} were looked at, the others refused");
        Assert.InRange(looked, 1, 8 + (int)Math.Ceiling(minutes));
        Assert.Equal(answers.Count - looked, answers.Count(answer => answer.Contains("error=busy", StringComparison.Ordinal)));
    }

    [Fact(Explicit = true)]
    [Trait("bench", "guesses")]
    public async Task The_time_of_an_answer_does_not_tell_which_names_there_are()
    {
        await using var lab = await ProcessLab.StartAsync();
        var web = await lab.StartWebAsync(settings: [("Convex:Limits:SignInsPerMinute", "100000")]);
        // Half of them have hashes of the first version, which took less than half of the work.
        for (var n = 0; n < Accounts; n++) await AddAccountAsync(lab, $"known{n}", n % 2 == 0 ? PasswordRules.HashIterations : 100_000);
        var visitor = await Visitor.ComeAsync(web.Address);
        for (var n = 0; n < 20; n++) await visitor.TryAsync($"warm{n}", "warming up");
        var (known, unknown) = (new List<double>(), new List<double>());
        for (var n = 0; n < Accounts * TriesEach; n++)
        {
            // In turn, and each second time the other way round.
            foreach (var isKnown in n % 2 == 0 ? new[] { true, false } : [false, true])
            {
                var begun = TimeProvider.System.GetTimestamp();
                var answer = await visitor.TryAsync($"{(isKnown ? "known" : "nobody")}{n % Accounts}", "not the password");
                (isKnown ? known : unknown).Add(TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds);
                Assert.Contains("error=wrong", answer, StringComparison.Ordinal);
            }
        }
        ProcessLab.Report("a wrong password of a name that an account has", known);
        ProcessLab.Report("of one that none has", unknown);
        var distinct = MannWhitney(known, unknown);
        ProcessLab.Say($"Mann-Whitney, {known.Count} each: z = {distinct:0.00}");
        Assert.True(Math.Abs(distinct) < MostDistinct, $"z = {distinct:0.00}");
    }

    private static async Task AddAccountAsync(ProcessLab lab, string name, int iterations = PasswordRules.HashIterations)
    {
        var hash = new PasswordHasher<User>(Microsoft.Extensions.Options.Options.Create(
            new PasswordHasherOptions { IterationCount = iterations })).HashPassword(new User(), "a quiet violet hill");
        await lab.Database.ExecuteAsync(
            "insert into users (id, user_name, normalized_user_name, password_hash) values (gen_random_uuid(), @name, upper(@name), @hash)",
            new { name, hash });
    }

    // The statistic U as a standard normal variable; times have no ties worth correcting for.
    private static double MannWhitney(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        var ranks = first.Select(time => (time, IsFirst: true)).Concat(second.Select(time => (time, IsFirst: false)))
            .OrderBy(one => one.time).Select((one, place) => (one.IsFirst, Rank: place + 1.0)).ToList();
        double n = first.Count, m = second.Count;
        var u = ranks.Where(one => one.IsFirst).Sum(one => one.Rank) - n * (n + 1) / 2;
        return (u - n * m / 2) / Math.Sqrt(n * m * (n + m + 1) / 12);
    }

    /// <summary>A browser with the sign-in form open.</summary>
    private sealed partial record Visitor(HttpClient Client, string Token)
    {
        public static async Task<Visitor> ComeAsync(Uri address)
        {
            var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() })
            {
                BaseAddress = address,
            };
            var page = await client.GetStringAsync("signin");
            return new(client, Form().Match(page).Groups[1].Value);
        }

        /// <returns>Where the answer leads.</returns>
        public async Task<string> TryAsync(string name, string password)
        {
            using var answer = await Client.PostAsync("account/signin", new FormUrlEncodedContent(
            [
                new("__RequestVerificationToken", Token), new("name", name), new("password", password),
            ]));
            return answer.Headers.Location?.OriginalString ?? $"{answer.StatusCode}";
        }

        [GeneratedRegex("""name="__RequestVerificationToken" value="([^"]+)"|value="([^"]+)" name="__RequestVerificationToken" """)]
        private static partial Regex Form();
    }
}
