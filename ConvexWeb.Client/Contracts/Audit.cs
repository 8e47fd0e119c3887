namespace ConvexWeb.Client.Contracts;

/// <summary>What the audit trail tells of.</summary>
public enum AuditAction
{
    SignedIn,

    /// <summary>A password or a code was wrong: at the sign-in, or where it was asked for again.</summary>
    PasswordRefused,

    /// <summary>So many were wrong in a short time that the next are not looked at; noted once in ten minutes.</summary>
    TooManyTries,
    SignedOut,
    SessionsEnded,

    /// <summary>Somebody may not do what he tried.</summary>
    Refused,
    AccountMade,
    PasswordChanged,

    /// <summary>A one-time link was no good.</summary>
    LinkRefused,
    LinkMade,
    LinkWithdrawn,
    TokenMade,
    TokenRevoked,

    /// <summary>A token was none, or none any more; noted once in ten minutes of each network.</summary>
    TokenRefused,

    /// <summary>The password was right, and a code was asked for.</summary>
    CodeAsked,
    SecondFactorMade,
    SecondFactorRemoved,
    RecoveryCodesMade,
    RecoveryCodeUsed,
    RoleChanged,
    AccountDisabled,
    AccountEnabled,
    AccountDeleted,

    /// <summary>Something was asked of the run of somebody else.</summary>
    RunOfAnother,

    /// <summary>Limits of the lab, its maintenance, or a user's share.</summary>
    PolicyChanged,

    /// <summary>Something was asked of tickets or recurring jobs in Hangfire's dashboard.</summary>
    JobsAsked,
    WorkerDrained,
    WorkerResumed,

    BackupMade,
    BackupFailed,

    /// <summary>The lab was put back to a backup.</summary>
    BackupRestored,

    /// <summary>Entries that were older than the lab keeps them were taken out.</summary>
    TrailCut,
}

/// <summary>An entry of the audit trail.</summary>
/// <param name="Door">The browser or token by which the actor came.</param>
/// <param name="Network">The address that he came from.</param>
/// <param name="Subject">Whom or what it was done to.</param>
/// <param name="Hash">Over the entry and the hash of the one before it, in hexadecimal.</param>
public sealed record AuditEntryView(
    long Seq, DateTimeOffset At, string Actor, string Door, string Network, AuditAction Action, string Subject, string Detail, string Hash);

/// <summary>Which entries; all where nothing is named. The newest come first.</summary>
/// <param name="Actor">The whole name of who did it.</param>
/// <param name="About">A part of the subject.</param>
/// <param name="Before">Entries with a lower number: the next page.</param>
public sealed record AuditQuery(
    AuditAction? Action = null, string? Actor = null, string? About = null, DateTimeOffset? Since = null, DateTimeOffset? Until = null,
    long? Before = null, int Limit = 100)
{
    public const int MostEntries = 1000;
}

/// <summary>Whether the trail is whole.</summary>
/// <param name="First">The number of its first entry; 0 when there is none.</param>
/// <param name="Last">The number of its last entry, with the hash that stands for all of it.</param>
/// <param name="Problem">Where it is broken, in a sentence; null when it is whole.</param>
public sealed record AuditCheckView(long First, long Last, string Hash, string? Problem)
{
    /// <summary>Why a known entry was not compared although the trail is whole, in a sentence; null where it was.</summary>
    public string? Uncompared { get; init; }
}

/// <summary>The audit trail, for administrators.</summary>
public interface IAudit
{
    Task<IReadOnlyList<AuditEntryView>> ListAsync(AuditQuery query, CancellationToken cancel = default);

    /// <summary>Reads all of it.</summary>
    Task<AuditCheckView> CheckAsync(CancellationToken cancel = default);
}
