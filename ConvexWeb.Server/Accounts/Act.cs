using ConvexWeb.Server.Audit;

namespace ConvexWeb.Server.Accounts;

/// <summary>Something that gives or takes rights, and who does it in which session.</summary>
/// <param name="AsAdmin">It takes an administrator.</param>
/// <param name="WantsProof">It wants that the password was typed in the last minutes.</param>
public sealed record Act(Guid User, Guid Session, bool AsAdmin, bool WantsProof, AuditActor By);
