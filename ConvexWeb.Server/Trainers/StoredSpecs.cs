using ConvexWeb.Training.Specs;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Trainers;

/// <summary>What a run is to train, as it was submitted.</summary>
public sealed class StoredSpecs(NpgsqlDataSource database)
{
    private sealed record Row(string Spec, int Seed);

    public async Task<(string Spec, int Seed)> ReadAsync(long runId, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var row = await connection.QuerySingleAsync<Row>(new(
            "select spec::text as spec, seed from runs where id = @runId", new { runId }, cancellationToken: cancel));
        return (SpecVersions.Stamped(row.Spec), row.Seed);
    }
}
