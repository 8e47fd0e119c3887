namespace ConvexWeb.Client.Contracts;

/// <summary>The REST API as its reference page shows it: from the same description that programs read.</summary>
public sealed record ApiDescription(string Introduction, IReadOnlyList<ApiGroup> Groups, IReadOnlyList<ApiSchema> Schemas);

public sealed record ApiGroup(string Name, IReadOnlyList<ApiOperation> Operations);

/// <param name="Body">What is sent: the name of a schema, or a type; null when nothing is.</param>
public sealed record ApiOperation(
    string Method, string Path, string Summary, string? Description, IReadOnlyList<ApiField> Parameters, string? Body,
    IReadOnlyList<ApiAnswer> Answers);

/// <param name="Type">A type such as <c>string</c>, or a schema's name.</param>
public sealed record ApiField(string Name, string Type, string? Description, bool Required);

public sealed record ApiAnswer(string Status, string Description, string? Type);

/// <param name="Values">What a word may be; empty for an object.</param>
public sealed record ApiSchema(string Name, string? Description, IReadOnlyList<ApiField> Fields, IReadOnlyList<string> Values);

public interface IApiReference
{
    Task<ApiDescription> ReadAsync(CancellationToken cancel = default);
}
