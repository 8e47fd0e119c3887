namespace ConvexWeb.Server.Audit;

public static class AuditSetup
{
    /// <summary>The audit trail, to which every kind of node adds.</summary>
    public static IServiceCollection AddAudit(this IServiceCollection services)
        => services.AddSingleton<AuditTrail>().AddSingleton<AuditReader>();
}
