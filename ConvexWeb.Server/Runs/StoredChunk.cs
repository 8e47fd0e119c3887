using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>
/// Points with the numbers (<see cref="Before"/>, <see cref="LastSeq"/>] of one attempt. Steps, epochs and times have an element for each
/// report of the trainer; the others have one for each point, and events names its report, from 1.
/// </summary>
internal sealed record StoredChunk
{
    private const string Columns =
        "attempt, last_seq as LastSeq, steps, epochs, ats, events, metrics, \"values\"";

    public int Attempt { get; init; }
    public long LastSeq { get; init; }
    public long[] Steps { get; init; } = [];
    public double[] Epochs { get; init; } = [];
    public DateTime[] Ats { get; init; } = [];
    public short[] Events { get; init; } = [];
    public short[] Metrics { get; init; } = [];
    public double[] Values { get; init; } = [];

    public int Count => Values.Length;
    public long Before => LastSeq - Count;

    /// <summary>The next few after a number, in the order of their numbers; the newest points of the run are not among them.</summary>
    public static async Task<IReadOnlyList<StoredChunk>> ReadAsync(
        NpgsqlConnection connection, long run, long after, int most, CancellationToken cancel)
    {
        var chunks = await connection.QueryAsync<StoredChunk>(new CommandDefinition(
            $"select {Columns} from point_chunks where run_id = @run and last_seq > @after order by last_seq limit @most",
            new { run, after, most }, cancellationToken: cancel));
        return chunks.AsList();
    }

    /// <summary>The newest points of a run, those that wait to become a chunk. As SQL over @run and @after.</summary>
    public const string Tail =
        $"""select {Columns} from point_tails where run_id = @run and last_seq > @after and cardinality("values") > 0""";

    /// <summary>
    /// The chunks in which attempts after the first may have points of steps that are not behind the one from which they resumed.
    /// </summary>
    public static async Task<IEnumerable<StoredChunk>> OverlapsAsync(NpgsqlConnection connection, long run, CancellationToken cancel) =>
        await connection.QueryAsync<StoredChunk>(new CommandDefinition(
            $"""
            with repeats as (
                select attempt as number, first_seq, overlap_seq from journals
                where run_id = @run and overlap_seq is not null and attempt > (select min(attempt) from journals where run_id = @run))
            select {Columns} from repeats join point_chunks on run_id = @run and attempt = number and last_seq >= first_seq
                and last_seq <= coalesce(
                    (select min(last_seq) from point_chunks where run_id = @run and last_seq >= overlap_seq), 9223372036854775807)
            union all
            select {Columns} from repeats join point_tails on run_id = @run and attempt = number
                and last_seq - cardinality("values") < overlap_seq
            """, new { run }, cancellationToken: cancel));
}
