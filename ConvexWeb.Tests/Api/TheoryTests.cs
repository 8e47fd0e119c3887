using System.Net;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Theory;
using ConvexWeb.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Api;

/// <summary>What the theory pages are drawn from, over HTTP.</summary>
[Trait("kind", "database")]
public sealed class TheoryTests(ServerHost host) : IClassFixture<ServerHost>
{
    [Fact]
    public async Task Theorem_1_is_built_for_who_is_signed_in_and_fits_all_labels()
    {
        using var client = host.WithToken(await host.TokenAsync(await host.AddUserAsync(), may: TokenScope.Read));

        var view = await client.GetAsync<TheoremOneView>("/api/v1/theory/theorem-1?points=2000&dims=5&seed=3&classes=7");

        Assert.Equal((2000, 5, 3, 7), (view.Points, view.Dims, view.Seed, view.Classes));
        Assert.Equal((4005L, 4005L), (view.StoredNumbers, view.TheoremNumbers));
        Assert.Equal((100.0, 100.0, 100.0), (view.Precisions[0].Accuracy, view.PermutedAccuracy, view.Outputs.Accuracy));
        Assert.Equal(5 + 2000 + 2000 * 7L, view.Outputs.StoredNumbers);
        Assert.Equal(400, view.Curve.Places.Count);
        Assert.StartsWith("A construction, not a training", view.Says, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_left_out_takes_its_default_and_names_are_as_in_the_rest_of_the_API()
    {
        using var client = await host.UserAsync();

        var built = await client.GetAsync<JsonObject>("/api/v1/theory/theorem-1");
        var loss = await client.GetAsync<JsonObject>("/api/v1/theory/loss-convexity");

        Assert.Equal((1000, 100, 2100L), (
            (int)built["points"]!, (int)built["dims"]!, (long)built["storedNumbers"]!));
        Assert.Equal(["ControlAtZero", "AtZero"], loss["cases"]!.AsArray().Select(at => (string)at!["place"]!));
    }

    [Fact]
    public async Task The_loss_of_two_matrices_has_a_negative_eigenvalue_at_zero_and_that_of_one_has_none()
    {
        using var client = await host.UserAsync();

        var view = await client.GetAsync<LossConvexityView>("/api/v1/theory/loss-convexity?layers=3&width=4&inputs=5&seed=1");

        Assert.Equal([HessianPlace.ControlAtZero, HessianPlace.AtZero, HessianPlace.AtRandom], view.Cases.Select(at => at.Place));
        Assert.True(view.Cases[0].SmallestEigenvalue > 0);
        Assert.True(view.Cases[2].SmallestEigenvalue < 0);
        Assert.Contains("not in the factors", view.Says, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("theorem-1?points=1", "points")]
    [InlineData("theorem-1?points=20001", "points")]
    [InlineData("theorem-1?points=many", "points")]
    [InlineData("theorem-1?dims=0", "dims")]
    [InlineData("theorem-1?points=20000&dims=2001", "dims")]
    [InlineData("theorem-1?points=2&dims=10001", "dims")]
    [InlineData("theorem-1?points=2147483647&dims=2147483647", "points")]
    [InlineData("theorem-1?seed=-1", "seed")]
    [InlineData("theorem-1?classes=1", "classes")]
    [InlineData("theorem-1?classes=101", "classes")]
    [InlineData("loss-convexity?layers=0", "layers")]
    [InlineData("loss-convexity?layers=6", "layers")]
    [InlineData("loss-convexity?width=33", "width")]
    [InlineData("loss-convexity?inputs=0", "inputs")]
    [InlineData("loss-convexity?seed=99999999999", "seed")]
    public async Task A_number_out_of_its_range_is_a_problem_with_its_name(string query, string field)
    {
        using var client = await host.UserAsync();
        using var response = await client.GetAsync($"/api/v1/theory/{query}");

        var problems = await response.ProblemsAsync();
        Assert.Contains(field, problems.Keys);
        Assert.All(problems.Values, sentences => Assert.All(sentences, sentence => Assert.EndsWith(".", sentence)));
    }

    [Fact]
    public async Task Where_too_many_compute_already_the_answer_is_a_429_that_says_when_to_come_back()
    {
        using var client = await host.UserAsync();
        var gate = host.Services.GetRequiredService<TheoryGate>();
        using var release = new ManualResetEventSlim();
        var others = Enumerable.Range(0, TheoryGate.MostWaiting + 1).Select(_ => gate.RunAsync(Hold, default)).ToList();

        using var response = await client.GetAsync("/api/v1/theory/theorem-1?points=10");
        release.Set();
        await Task.WhenAll(others);

        Assert.Equal((HttpStatusCode.TooManyRequests, TimeSpan.FromSeconds(10)), (response.StatusCode, response.Headers.RetryAfter?.Delta));
        Assert.Contains("try again", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var later = await client.GetAsync("/api/v1/theory/theorem-1?points=10");
        Assert.Equal(HttpStatusCode.OK, later.StatusCode);

        bool Hold(CancellationToken cancel)
        {
            release.Wait(cancel);
            return true;
        }
    }

    [Fact]
    public async Task A_stranger_gets_a_401()
    {
        using var client = host.Anonymous();
        using var built = await client.GetAsync("/api/v1/theory/theorem-1");
        using var loss = await client.GetAsync("/api/v1/theory/loss-convexity");

        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized), (built.StatusCode, loss.StatusCode));
    }

    [Fact]
    public async Task OpenAPI_has_both_with_their_parameters()
    {
        using var client = await host.UserAsync();

        var paths = (await client.GetAsync<JsonObject>("/api/openapi.json"))["paths"]!;

        Assert.Equal(["points", "dims", "seed", "classes"], Parameters("theorem-1"));
        Assert.Equal(["layers", "width", "inputs", "seed"], Parameters("loss-convexity"));

        IEnumerable<string> Parameters(string name) => paths[$"/api/v1/theory/{name}"]!["get"]!["parameters"]!.AsArray()
            .Select(parameter => (string)parameter!["name"]!);
    }
}
