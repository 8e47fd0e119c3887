using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using ConvexWeb.Server.Persistence;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Audit;

/// <summary>Who does something, by what door, and from where.</summary>
public sealed record AuditActor(string Name, string Door, string Network)
{
    // No account can have these names, since names have no spaces.
    public static AuditActor Server { get; } = new("the server", "", "");

    /// <summary>Who has typed a command on the server's machine, as far as that is known.</summary>
    public static AuditActor CommandLine { get; } = Server with { Door = $"the command line of {Environment.UserName}" };

    public static AuditActor Stranger(string network) => new("a stranger", "", network);
}

/// <summary>What was done.</summary>
/// <param name="Subject">Whom or what it was done to.</param>
public sealed record AuditNote(AuditAction Action, string Subject = "", string Detail = "");

/// <summary>
/// The audit trail, to which anything can only be added. What is noted in the transaction of the act itself is there if and only if the act
/// was done.
/// </summary>
public sealed class AuditTrail(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>The migration that makes its tables.</summary>
    public const int Schema = 14;

    private const long Lock = 0x4175646974; // "Audit"
    private const int LongestText = 300;

    public async Task WriteAsync(AuditActor by, AuditNote note, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await WriteAsync(connection, by, [note], cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>
    /// Notes in the transaction that is open on the connection. It comes last in it: until its end, no other node can add an entry.
    /// </summary>
    public async Task WriteAsync(NpgsqlConnection connection, AuditActor by, IReadOnlyCollection<AuditNote> notes, CancellationToken cancel)
    {
        if (notes.Count == 0) return;
        var (seq, hash) = await LastAsync(connection, cancel);
        var at = AuditChain.Storable(time.GetUtcNow());
        var (actor, door, network) = (Fit(by.Name), Fit(by.Door), Fit(by.Network));
        var links = new List<(AuditEntry Entry, byte[] Hash)>();
        foreach (var note in notes)
        {
            var entry = new AuditEntry(
                ++seq, at, actor, door, network, note.Action.ToString(), Fit(note.Subject), Fit(note.Detail));
            links.Add((entry, hash = AuditChain.Hash(hash, entry)));
        }
        await connection.ExecuteAsync(new CommandDefinition(
            """
            insert into audit_entries (seq, at, actor, door, network, action, subject, detail, hash)
            select seq, @at, @actor, @door, @network, action, subject, detail, hash
            from unnest(@seqs, @actions, @subjects, @details, @hashes) as entry (seq, action, subject, detail, hash)
            """,
            new
            {
                at,
                actor,
                door,
                network,
                seqs = links.Select(link => link.Entry.Seq).ToArray(),
                actions = links.Select(link => link.Entry.Action).ToArray(),
                subjects = links.Select(link => link.Entry.Subject).ToArray(),
                details = links.Select(link => link.Entry.Detail).ToArray(),
                hashes = links.Select(link => link.Hash).ToArray(),
            }, cancellationToken: cancel));
    }

    /// <summary>Takes out what is older, and notes that it did.</summary>
    /// <returns>How many entries that were.</returns>
    /// <exception cref="InvalidDataException">
    /// What is to go is not as it was written: it stays, since it is the proof of that.
    /// </exception>
    public async Task<long> CutAsync(DateTimeOffset before, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await LastAsync(connection, cancel); // no entry is added meanwhile
        var start = await connection.QuerySingleOrDefaultAsync<AuditLink>(new CommandDefinition(
            """
            select seq, hash from audit_entries
            where seq < (select coalesce(min(seq) filter (where at >= @before), max(seq) + 1) from audit_entries)
            order by seq desc limit 1
            """, new { before }, cancellationToken: cancel));
        if (start is null) return 0;
        if (await AuditReader.ProblemUpToAsync(connection, start.Seq, cancel) is { } problem)
            throw new InvalidDataException($"The audit trail is not cut, because it was changed. {problem}");
        await connection.ExecuteAsync("set local convex.audit_retention = 'on'");
        var count = await connection.ExecuteAsync(new CommandDefinition(
            "update audit_start set seq = @Seq, hash = @Hash; delete from audit_entries where seq <= @Seq", start,
            cancellationToken: cancel)) - 1;
        await WriteAsync(
            connection, AuditActor.Server,
            [
                new(AuditAction.TrailCut, $"up to {start.Seq}",
                    $"{count} entries of before {before:yyyy-MM-dd}, the last with hash {Convert.ToHexStringLower(start.Hash)}"),
            ], cancel);
        await transaction.CommitAsync(cancel);
        return count;
    }

    // The lock is taken in a statement of its own: the next one sees what its last holder has committed.
    private static async Task<(long Seq, byte[] Hash)> LastAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await connection.ExecuteAsync(
            new CommandDefinition($"{Transactions.Short}; select pg_advisory_xact_lock({Lock})", cancellationToken: cancel));
        var last = await connection.QuerySingleAsync<AuditLink>(new CommandDefinition(
            """
            (select seq, hash from audit_entries order by seq desc limit 1) union all select seq, hash from audit_start
            order by seq desc limit 1
            """, cancellationToken: cancel));
        return (last.Seq, last.Hash);
    }

    private static string Fit(string text) => Text.Cut(string.Concat(text.Where(letter => !char.IsControl(letter))), LongestText, "…");
}
