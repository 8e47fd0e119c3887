using System.Security.Cryptography;
using System.Text.Json;

namespace ConvexWeb.Server.Audit;

/// <summary>An entry as the chain has it: its time in whole microseconds, as PostgreSQL stores it.</summary>
internal sealed record AuditEntry(
    long Seq, DateTimeOffset At, string Actor, string Door, string Network, string Action, string Subject, string Detail);

/// <summary>A number of the chain and its hash.</summary>
internal sealed record AuditLink
{
    public long Seq { get; init; }
    public byte[] Hash { get; init; } = [];
}

/// <summary>Each entry's hash is made of the hash before it and of all that the entry says. It is computed here and not in the database,
/// whose owner could change what it computes.</summary>
internal static class AuditChain
{
    /// <summary>The hash is SHA-256 over the 32 bytes of the one before and the entry as a JSON array in UTF-8.</summary>
    public static byte[] Hash(ReadOnlySpan<byte> before, AuditEntry entry)
    {
        var text = JsonSerializer.SerializeToUtf8Bytes<object[]>(
        [
            entry.Seq, Microseconds(entry.At), entry.Actor, entry.Door, entry.Network, entry.Action, entry.Subject, entry.Detail,
        ]);
        return SHA256.HashData([.. before, .. text]);
    }

    /// <summary>The time without what PostgreSQL would drop.</summary>
    public static DateTimeOffset Storable(DateTimeOffset at) => DateTimeOffset.UnixEpoch.AddMicroseconds(Microseconds(at));

    private static long Microseconds(DateTimeOffset at) => (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
}
