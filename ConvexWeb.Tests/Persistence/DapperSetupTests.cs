using System.Text.Json;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;

namespace ConvexWeb.Tests.Persistence;

public sealed class DapperSetupTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);

    private sealed record ByConstructor(long LastSeq, DateTimeOffset CreatedAt, DateTimeOffset? FinishedAt, RunState State, string Spec);

    private sealed record ByProperty
    {
        public long[] RunIds { get; init; } = [];
        public DateTimeOffset? FinishedAt { get; init; }
    }

    [Fact]
    public async Task Columns_with_underscores_times_enums_and_json_become_a_record()
    {
        var row = Assert.Single(await Database.RowsAsync<ByConstructor>(
            """
            select 7::bigint as last_seq, timestamptz '2026-01-02 14:00+02' as created_at, null::timestamptz as finished_at,
                   'Succeeded' as state, '{"a": 1}'::jsonb as spec
            """));

        Assert.Equal((7, Noon, null, RunState.Succeeded), (row.LastSeq, row.CreatedAt, row.FinishedAt, row.State));
        Assert.Equal(TimeSpan.Zero, row.CreatedAt.Offset);
        Assert.Equal(1, JsonDocument.Parse(row.Spec).RootElement.GetProperty("a").GetInt32());
    }

    [Fact]
    public async Task Arrays_are_read_into_properties()
    {
        var row = Assert.Single(await Database.RowsAsync<ByProperty>(
            "select array[3, 4]::bigint[] as run_ids, timestamptz '2026-01-02 12:00Z' as finished_at"));

        Assert.Equal([3L, 4L], row.RunIds);
        Assert.Equal(Noon, row.FinishedAt);
    }

    [Fact]
    public async Task A_time_of_another_zone_and_an_array_are_parameters()
    {
        var berlin = new DateTimeOffset(2026, 1, 2, 13, 0, 0, TimeSpan.FromHours(1));
        DateTimeOffset? none = null;

        Assert.True(await Database.ScalarAsync<bool>(
            "select @berlin = timestamptz '2026-01-02 12:00Z' and @none is null and 4 = any(@ids)",
            new { berlin, none, ids = new long[] { 3, 4 } }));
        Assert.Equal(Noon, await Database.ScalarAsync<DateTimeOffset>("select @berlin", new { berlin }));
    }
}
