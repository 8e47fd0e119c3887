using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Client.Accounts;

/// <summary>What the audit trail tells of, in words.</summary>
public static class AuditWords
{
    public static string Of(AuditAction action) => action switch
    {
        AuditAction.SignedIn => "signed in",
        AuditAction.PasswordRefused => "wrong password",
        AuditAction.TooManyTries => "tried too often",
        AuditAction.SignedOut => "signed out",
        AuditAction.SessionsEnded => "ended sessions",
        AuditAction.Refused => "was refused",
        AuditAction.AccountMade => "made an account",
        AuditAction.PasswordChanged => "changed the password",
        AuditAction.LinkRefused => "used a link that is no good",
        AuditAction.LinkMade => "made a one-time link",
        AuditAction.LinkWithdrawn => "withdrew a one-time link",
        AuditAction.TokenMade => "made a token",
        AuditAction.TokenRevoked => "revoked a token",
        AuditAction.TokenRefused => "sent a token that is no good",
        AuditAction.CodeAsked => "typed a password and was asked for a code",
        AuditAction.SecondFactorMade => "turned a second factor on",
        AuditAction.SecondFactorRemoved => "turned a second factor off",
        AuditAction.RecoveryCodesMade => "made recovery codes",
        AuditAction.RecoveryCodeUsed => "used a recovery code",
        AuditAction.RoleChanged => "changed a role",
        AuditAction.AccountDisabled => "disabled an account",
        AuditAction.AccountEnabled => "enabled an account",
        AuditAction.AccountDeleted => "deleted an account",
        AuditAction.RunOfAnother => "acted on another's run",
        AuditAction.PolicyChanged => "changed the queue's rules",
        AuditAction.JobsAsked => "acted in Hangfire",
        AuditAction.WorkerDrained => "drained a worker",
        AuditAction.WorkerResumed => "resumed a worker",
        AuditAction.BackupMade => "made a backup",
        AuditAction.BackupFailed => "could make no backup",
        AuditAction.BackupRestored => "restored a backup",
        AuditAction.TrailCut => "took out old entries",
        _ => action.ToString(),
    };
}
