using System.Net;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Dapper;
using Microsoft.Playwright;

namespace ConvexWeb.Tests.Live;

/// <summary>A server whose database waits for the disk, as the product's does.</summary>
public sealed class DurableHost(PostgresCluster cluster) : ServerHost(cluster)
{
    protected override bool IsDurable => true;
}

/// <summary>
/// <c>./convexweb bench pages</c>: what ten open pages with a search ask of the database while runs report, and how long another user
/// waits meanwhile. Real are PostgreSQL with the product's settings, the server on a port of its own and the browser, which comes last on
/// these cores; the server shares the bench's process, and the bench stores what the workers of the reporting runs would store.
/// </summary>
[Trait("kind", "browser")]
public sealed class PagesBench(DurableHost host, Browser browser) : IClassFixture<DurableHost>
{
    private const int Stored = 20_000;
    private const int Reporting = 20;

    // Of a core, and in milliseconds at the 95th percentile.
    private const double MostShare = 0.3;
    private const double MostWait = 50;
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan BetweenReports = TimeSpan.FromMilliseconds(500);

    // Half of the pages show what reports, half show older runs that do not.
    private static readonly string[] Searches = ["/?q=sweep&state=Running", "/?q=elephant"];

    [Fact(Explicit = true)]
    [Trait("bench", "pages")]
    public async Task Ten_pages_with_a_search_while_twenty_runs_report()
    {
        Say("PostgreSQL waits for the disk; no trainers and workers: the bench stores their points, in the server's process");
        var runs = await FillAsync();
        using var other = await host.UserAsync();
        using var stop = new CancellationTokenSource();
        var reporting = Task.WhenAll(runs.Select((run, place) => ReportAsync(run, place, stop.Token)));
        try
        {
            await MeasureAsync("no page open", other);
            var pages = new List<IPage>();
            for (var i = 0; i < 10; i++)
            {
                var page = await browser.OpenAsync(host, Searches[i % 2]);
                await page.Locator("tr[data-row]").First.WaitForAsync();
                pages.Add(page);
            }
            if (!await Browser.YieldAsync(stop.Token)) Say("The ten pages' browser takes its full share of these cores from the server.");
            await MeasureAsync("ten pages with a search", other);
            await AssertLiveAsync(pages[0]);
            foreach (var page in pages) await page.Context.CloseAsync();
        }
        finally
        {
            await stop.CancelAsync();
            await reporting;
        }
    }

    private async Task MeasureAsync(string what, HttpClient other)
    {
        using var length = new CancellationTokenSource(Length);
        var postgres = await PostmasterAsync();
        var (cpu, begun) = (Cpu(postgres), TimeProvider.System.GetTimestamp());
        var waits = new List<double>();
        while (!length.IsCancellationRequested)
        {
            var asked = TimeProvider.System.GetTimestamp();
            using var answer = await other.GetAsync("/api/v1/runs");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            waits.Add(TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds);
            await Task.Delay(100); // a reader, and not a flood of questions
        }
        var share = (Cpu(postgres) - cpu) / TimeProvider.System.GetElapsedTime(begun);
        waits.Sort();
        Say($"{what}: PostgreSQL {100 * share:0} % of a core; first page of another user, {waits.Count} times: "
            + $"p50 {At(0.5):0} ms, p95 {At(0.95):0} ms, max {waits[^1]:0} ms");

        Assert.True(share < MostShare, $"{what}: PostgreSQL took {100 * share:0} % of a core");
        Assert.True(At(0.95) < MostWait, $"{what}: p95 {At(0.95):0} ms");

        double At(double part) => waits[(int)(part * (waits.Count - 1))];
    }

    // A page that stood still would cost nothing.
    private static async Task AssertLiveAsync(IPage page)
    {
        var bar = page.Locator("tr[data-row] [role=progressbar]").First;
        var before = await bar.GetAttributeAsync("aria-valuenow");
        await Assertions.Expect(bar).Not.ToHaveAttributeAsync("aria-valuenow", before!, new() { Timeout = 5_000 });
    }

    private async Task<IReadOnlyList<long>> FillAsync()
    {
        await using var connection = await host.Database.OpenConnectionAsync();
        var first = await connection.AddRunAsync();
        await connection.ExecuteAsync(
            $$"""
            with old as (
                insert into runs (study_id, name, seed, spec, group_key, model, convexity, dataset, labels, parameters, epochs,
                    steps_per_epoch, total_steps, step, last_seq, latest, spark)
                select study_id, case when n % 700 = 0 then 'elephant ' else 'mouse ' end || n, n, spec, 'k' || n / 5, model, convexity,
                    dataset, labels, parameters, 100, 100, 10000, 10000, 10000,
                    '{"train/accuracy":99.5,"test/accuracy":80.25,"gap":19.25,"train/loss":0.01,"test/loss":0.9}',
                    (select jsonb_agg(jsonb_build_array(e * 4, 50 + e * 2, 50 + e)) from generate_series(1, 24) e)
                from runs, generate_series(2, {{Stored - Reporting}}) n where id = @first returning id, study_id, seed)
            insert into work_items (kind, run_id, study_id, created_by, state, queue, attempt, started_at, finished_at)
            select 'run', id, study_id, 'user' || seed % 20, 'Succeeded', 'cpu', 1, now(), now() from old
            """, new { first }, commandTimeout: 120);
        var runs = (await connection.QueryAsync<long>(
            """
            with reporting as (
                insert into runs (study_id, name, seed, spec, group_key, model, convexity, dataset, labels, parameters, epochs,
                    steps_per_epoch, total_steps, latest, spark)
                select study_id, 'sweep ' || n, n, spec, 'sweep', model, convexity, dataset, labels, parameters, 100, 100, 10000,
                    '{"train/accuracy":50.5,"test/accuracy":40.25,"gap":10.25,"train/loss":0.01,"test/loss":0.9}',
                    (select spark from runs where name = 'mouse 2')
                from runs, generate_series(1, @Reporting) n where id = @first returning id, study_id)
            insert into work_items (kind, run_id, study_id, created_by, state, queue)
            select 'run', id, study_id, 'tester', 'Queued', 'cpu' from reporting returning run_id
            """, new { first, Reporting })).AsList();
        await connection.ExecuteAsync("analyze runs, work_items");
        foreach (var run in runs) await host.Database.StartAttemptAsync(run);
        await connection.ExecuteAsync("update work_items set lease_until = now() + interval '1 hour' where state = 'Running'");
        return runs;
    }

    // As a worker does: points twice a second and the row with them.
    private async Task ReportAsync(long run, int place, CancellationToken stop)
    {
        await Task.Delay(BetweenReports * place / Reporting, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        for (var step = 1; !stop.IsCancellationRequested; step++)
        {
            await host.Database.AddPointsAsync(run, 1, "train/loss", (step, 1.0 / step));
            await using (var connection = await host.Database.OpenConnectionAsync(CancellationToken.None))
            {
                await connection.ExecuteAsync(
                    """
                    update runs set step = 20 * @step % 10000, latest = latest || jsonb_build_object('train/loss', 1.0 / @step)
                    where id = @run;
                    select pg_notify('convex_runs', @run::text);
                    """, new { run, step });
            }
            await Task.Delay(BetweenReports, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<ProcessStat> PostmasterAsync()
    {
        var backend = await host.Database.ScalarAsync<int>("select pg_backend_pid()");
        return ProcessStat.Of(ProcessStat.Of(backend)!.Parent)!;
    }

    // Of the postmaster, of the processes that it has, and of those that it had.
    private static TimeSpan Cpu(ProcessStat postmaster)
        => TimeSpan.FromSeconds(ProcessStat.Tree(postmaster.Id).Sum(process => process.Ticks) / (double)ProcessStat.TicksPerSecond);

    private static void Say(string line) => Xunit.TestContext.Current.TestOutputHelper?.WriteLine(line);
}
