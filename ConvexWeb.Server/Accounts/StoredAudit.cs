using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Http;

namespace ConvexWeb.Server.Accounts;

/// <summary>The audit trail as administrators read it.</summary>
public sealed class StoredAudit(AuditReader trail, Caller caller) : IAudit
{
    public Task<IReadOnlyList<AuditEntryView>> ListAsync(AuditQuery query, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        caller.RequireAdmin();
        var problems = new List<FieldProblem>();
        if (query.Limit is < 1 or > AuditQuery.MostEntries)
            problems.Add(new("limit", $"limit must be from 1 to {AuditQuery.MostEntries}; got {query.Limit}."));
        if (Text.Problem("actor", query.Actor) is { } actor) problems.Add(actor);
        if (Text.Problem("about", query.About) is { } about) problems.Add(about);
        // A number is read as an action too.
        if (query.Action is { } action && !Enum.IsDefined(action))
            problems.Add(new("action", $"action '{action}' is none of the trail's."));
        if (problems.Count > 0) throw new InvalidInputException(problems);
        return trail.ListAsync(query, cancel);
    }

    public Task<AuditCheckView> CheckAsync(CancellationToken cancel = default)
    {
        caller.RequireAdmin();
        return trail.CheckAsync(known: null, cancel);
    }
}
