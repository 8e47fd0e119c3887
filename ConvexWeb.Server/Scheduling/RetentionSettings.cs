namespace ConvexWeb.Server.Scheduling;

/// <summary>Section <c>Convex:Retention</c>: how long things are kept that are not deleted by hand.</summary>
public sealed class RetentionSettings
{
    /// <summary>Days after its end for which a run keeps its log lines. Points, checkpoints and everything else of it stay.</summary>
    public int LogDays { get; set; } = 90;

    /// <summary>Days for which entries of the audit trail are kept.</summary>
    public int AuditDays { get; set; } = 1095;

    internal IEnumerable<string> Problems()
    {
        if (AuditDays is < 1 or > 36500) yield return $"Convex:Retention:AuditDays must be from 1 to 36500, not {AuditDays}.";
        if (LogDays is < 1 or > 36500) yield return $"Convex:Retention:LogDays must be from 1 to 36500, not {LogDays}.";
    }
}
