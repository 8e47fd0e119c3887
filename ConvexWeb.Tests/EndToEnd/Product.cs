using System.Net;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Runs;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.EndToEnd;

[CollectionDefinition(Name)]
[Trait("kind", "browser")]
public sealed class ProductCollection : ICollectionFixture<Product>
{
    public const string Name = "product";
}

/// <summary>One installation for all tests of the whole product.</summary>
public sealed class Product(Browser browser) : IAsyncLifetime
{
    private const string Spec = """
        {"model":{"name":"mlp","width":32},"data":{"name":"glyphs","train_size":300,"test_size":100},
         "training":{"epochs":3,"batch_size":50,"points_every":2}}
        """;

    private Task<long>? finished;
    private Task<long>? certified;
    private Task<long>? waiting;

    private Installation? installation;

    public Installation Installation
    {
        get
        {
            Browser.SkipWhenMissing(); // in the test, which then counts as skipped: in InitializeAsync it would fail
            return installation!;
        }
    }

    public async ValueTask InitializeAsync()
    {
        if (Browser.IsMissing) return;
        installation = await Installation.StartAsync(browser,
            ("Convex:Worker:Slots", "2"), ("Convex:Worker:Threads", "1"), ("Convex:Limits:SubmissionsPerMinute", "1000"));
    }

    /// <summary>A run that has succeeded, for whoever needs one to look at.</summary>
    public Task<long> FinishedRunAsync() => finished ??= FinishAsync();

    /// <summary>A convex run with a certificate.</summary>
    public Task<long> CertifiedRunAsync() => certified ??= CertifyAsync();

    /// <summary>A run that waits for a worker that there is not.</summary>
    public Task<long> WaitingRunAsync() => waiting ??= WaitAsync();

    public ValueTask DisposeAsync() => installation?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task<long> WaitAsync()
    {
        using var client = await Installation.ClientAsync();
        using var answer = await client.PostJsonAsync("/api/v1/runs", $$"""{"spec":{{Spec}},"queue":"elsewhere"}""");
        return (await answer.ReadAsync<Submitted>(HttpStatusCode.Created)).RunIds[0];
    }

    private async Task<long> FinishAsync()
    {
        using var client = await Installation.ClientAsync();
        var run = await client.SubmitAsync(Spec, 0);
        await Installation.Database.UntilAsync(run, RunState.Succeeded);
        return run;
    }

    private async Task<long> CertifyAsync()
    {
        using var client = await Installation.ClientAsync();
        // Its name is as long as the name of a run of a grid is.
        const string Grid = """
            {"optimizer.name":["adam"],"optimizer.lr":[0.001],"convexity.eps":[5],
             "model.activation":["elu"],"training.label_smoothing":[0.05]}
            """;
        var spec = Spec.Replace("\"data\"", "\"convexity\":{\"name\":\"exp_eps\"},\"data\"", StringComparison.Ordinal);
        var run = (await client.SubmitAsync(spec, [0], Grid))[0];
        await Installation.Database.UntilAsync(run, RunState.Succeeded);
        using var requested = await client.PostJsonAsync($"/api/v1/runs/{run}/certificate", """{"pairs":50}""");
        await requested.ReadAsync<CertificateView>(HttpStatusCode.Accepted);
        await Installation.Database.UntilAsync(
            """
            select count(*) = 1 from certificates c join work_items i on i.id = c.item_id
            where c.run_id = @run and c.pairs = 50 and i.state = 'Succeeded'
            """, new { run });
        return run;
    }
}
