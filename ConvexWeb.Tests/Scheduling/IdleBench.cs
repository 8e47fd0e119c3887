using System.Globalization;
using ConvexWeb.Tests.EndToEnd;
using ConvexWeb.Tests.Workers;
using Hangfire;
using Hangfire.PostgreSql;
using Npgsql;

namespace ConvexWeb.Tests.Scheduling;

/// <summary>
/// <c>./convexweb bench queue</c>: what an idle cluster of processes asks of the database, beside as many Hangfire servers with Hangfire's
/// own defaults.
/// </summary>
public sealed class IdleBench
{
    private const int Workers = 4;
    private const int WebNodes = 2;
    private const int Queued = 1000;
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(60);

    [Fact(Explicit = true)]
    [Trait("bench", "queue")]
    public async Task What_four_idle_workers_and_two_web_nodes_ask_of_the_database()
    {
        await using var lab = await ProcessLab.StartAsync();
        var nodes = new List<ServerProcess>();
        for (var i = 0; i < WebNodes; i++) nodes.Add((await lab.StartWebAsync()).Process);
        for (var i = 0; i < Workers; i++) nodes.Add(await lab.StartWorkerAsync($"worker-{i}", slots: 2));
        var ours = await MeasureAsync(lab.Database);

        await lab.Database.ScalarAsync<long>(
            """
            with study as (insert into studies (name, created_by) values ('s', 'tester') returning id),
            more as (
                insert into runs (study_id, name, seed, spec, group_key, model, convexity, dataset, labels, parameters, epochs,
                    steps_per_epoch, total_steps)
                select id, 'r', n, '{}', 'k', 'mlp', 'none', 'glyphs', 'true', 1, 4, 5, 20 from study, generate_series(1, @Queued) n
                returning id, study_id),
            items as (
                insert into work_items (kind, run_id, study_id, created_by, queue)
                select 'run', id, study_id, 'tester', 'nobody' from more returning 1)
            select count(*) from items
            """, new { Queued });
        var loaded = await MeasureAsync(lab.Database);
        Assert.Equal(Queued, await lab.Database.ScalarAsync<long>("select count(*) from work_items where state = 'Queued'"));
        foreach (var node in nodes) await node.TerminateAsync();

        var theirs = await DefaultsAsync(lab);
        ProcessLab.Say($"idle, {Workers} workers with 2 slots and {WebNodes} web nodes: {Text(ours)} transactions/s, {ProcessLab.Load}");
        ProcessLab.Say($"the same with {Queued:N0} queued items of a queue that nobody serves: {Text(loaded)} transactions/s");
        ProcessLab.Say($"Hangfire's defaults, {Workers} servers with 2 workers and {WebNodes} clients: {Text(theirs)} transactions/s");
        Assert.True(loaded < ours * 1.5 + 1, "Items that nobody can take make the nodes busy.");
    }

    private static string Text(double rate) => rate.ToString("0.0", CultureInfo.InvariantCulture);

    // Hangfire's programs as its documentation has them: nothing is set but the number of workers.
    private static async Task<double> DefaultsAsync(ProcessLab lab)
    {
        await using var source = NpgsqlDataSource.Create(lab.ConnectionString);
        var options = new PostgreSqlStorageOptions { SchemaName = "defaults" };
        Assert.Equal(TimeSpan.FromSeconds(15), options.QueuePollInterval);
        var storages = new List<PostgreSqlStorage>();
        for (var i = 0; i < Workers + WebNodes; i++) storages.Add(new(new Connections(source), options));
        var servers = storages.Take(Workers).Select((storage, place) => new BackgroundJobServer(
            new BackgroundJobServerOptions { ServerName = $"defaults-{place}", WorkerCount = 2 }, storage)).ToList();
        var clients = storages.Skip(Workers).Select(storage => new BackgroundJobClient(storage)).ToList();
        var rate = await MeasureAsync(lab.Database);
        GC.KeepAlive(clients);
        foreach (var server in servers) server.SendStop();
        foreach (var server in servers) server.Dispose();
        return rate;
    }

    private static async Task<double> MeasureAsync(NpgsqlDataSource database)
    {
        await Task.Delay(Settling);
        const string sql = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()";
        var (begun, before) = (TimeProvider.System.GetTimestamp(), await database.ScalarAsync<long>(sql));
        await Task.Delay(Length);
        return (await database.ScalarAsync<long>(sql) - before) / TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
    }

    private sealed class Connections(NpgsqlDataSource database) : IConnectionFactory
    {
        public NpgsqlConnection GetOrCreateConnection() => database.CreateConnection();
    }
}
