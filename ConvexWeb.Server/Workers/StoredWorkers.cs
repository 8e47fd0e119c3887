using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Accounts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Leasing;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Workers;

/// <summary>The workers of the cluster, as pages show them.</summary>
public sealed class StoredWorkers(NpgsqlDataSource database, Caller caller, AuditTrail trail) : IWorkers
{
    /// <summary>Samples of one device in an answer, at most: of a longer time, each stands for several.</summary>
    public const int MostSamples = 1000;

    private sealed record Row
    {
        public string Name { get; init; } = "";
        public string Host { get; init; } = "";
        public int Slots { get; init; }
        public string Queues { get; init; } = "";
        public bool Alive { get; init; }
        public DateTimeOffset LastSeen { get; init; }
        public string? Version { get; init; }
        public string? Libtorch { get; init; }
        public string? DotNet { get; init; }
        public string? Driver { get; init; }
        public int? Cores { get; init; }
        public float? Load { get; init; }
        public bool Draining { get; init; }
        public string? Refused { get; init; }
        public string Devices { get; init; } = "[]";
        public long[] Runs { get; init; } = [];
        public long[] Certificates { get; init; } = [];
    }

    private sealed record SampleRow
    {
        public DateTime At { get; init; }
        public string Device { get; init; } = "";
        public double? Utilisation { get; init; }
        public int? MemoryUsedMb { get; init; }
        public int? MemoryTotalMb { get; init; }
        public double? Temperature { get; init; }
        public double? Power { get; init; }
    }

    public async Task<IReadOnlyList<WorkerView>> ListAsync(CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var connection = await database.OpenConnectionAsync(cancel);
        var rows = await connection.QueryAsync<Row>(new CommandDefinition(
            $"""
            select w.name, w.host, w.slots, w.queues, {OpenWorkers.IsAlive} as alive, w.last_seen,
                   w.product_version as version, w.libtorch, w.dotnet as dot_net, w.driver, w.cores, w.load, w.draining, w.refused,
                   w.devices::text as devices,
                   array(select i.run_id from work_items i
                         where i.state = 'Running' and i.worker = w.name and i.kind = 'run' order by i.run_id) as runs,
                   array(select i.run_id from work_items i
                         where i.state = 'Running' and i.worker = w.name and i.kind = 'certificate' order by i.run_id) as certificates
            from workers w order by w.name
            """, cancellationToken: cancel));
        return [.. rows.Select(View)];
    }

    public async Task<IReadOnlyList<WorkerSample>?> SamplesAsync(string name, DateTimeOffset? since, CancellationToken cancel = default)
    {
        caller.RequireSignedIn();
        await using var connection = await database.OpenConnectionAsync(cancel);
        var known = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from workers where name = @name) or exists (select from worker_samples where worker = @name)",
            new { name }, cancellationToken: cancel));
        if (!known) return null;

        // Up to a stride of one interval, samples are given as they are.
        var rows = await connection.QueryAsync<SampleRow>(new CommandDefinition(
            """
            with span as (
                select greatest(coalesce(@since::timestamptz, now() - interval '1 hour'), now() - make_interval(secs => @kept)) as start),
            stride as (select start, extract(epoch from now() - start) / @MostSamples as seconds from span)
            select case when seconds > @interval then date_bin(make_interval(secs => seconds::float8), s.at, start) else s.at end as "At",
                   s.device as "Device", avg(s.utilisation) as "Utilisation", max(s.memory_used_mb) as "MemoryUsedMb",
                   max(s.memory_total_mb) as "MemoryTotalMb", max(s.temperature)::float8 as "Temperature", avg(s.power) as "Power"
            from worker_samples s cross join stride where s.worker = @name and s.at > start
            group by 1, 2 order by 1, 2
            """,
            new
            {
                name,
                since = since?.ToUniversalTime(),
                kept = WorkerSamples.Kept.TotalSeconds,
                interval = WorkerSamples.Interval.TotalSeconds,
                MostSamples,
            },
            cancellationToken: cancel));
        return [.. rows.Select(row => new WorkerSample(
            new(row.At), row.Device, row.Utilisation, row.MemoryUsedMb, row.MemoryTotalMb, row.Temperature, row.Power))];
    }

    public async Task<bool> DrainAsync(string name, bool draining, CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await connection.ExecuteAsync(new CommandDefinition(
            "update workers set draining = @draining where name = @name", new { name, draining }, cancellationToken: cancel)) == 0)
            return false;
        await trail.WriteAsync(
            connection, caller.Actor, [new(draining ? AuditAction.WorkerDrained : AuditAction.WorkerResumed, name)], cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    private static WorkerView View(Row row) => new(
        row.Name, row.Host, row.Slots, row.Queues, row.Alive, row.LastSeen, row.Runs, row.Certificates)
    {
        Version = row.Version,
        Libtorch = row.Libtorch,
        DotNet = row.DotNet,
        Driver = row.Driver,
        Cores = row.Cores,
        Load = row.Load,
        Draining = row.Draining,
        Refused = row.Refused,
        Devices = JsonSerializer.Deserialize<List<WorkerDevice>>(row.Devices, JsonSerializerOptions.Web) ?? [],
    };
}
