using ConvexWeb.Client.Contracts;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace ConvexWeb.Server.Http;

/// <summary>What the reference page shows, read off the document that /api/openapi.json gives.</summary>
internal sealed class ApiReference([FromKeyedServices("v1")] IOpenApiDocumentProvider documents) : IApiReference
{
    public async Task<ApiDescription> ReadAsync(CancellationToken cancel)
    {
        var document = await documents.GetOpenApiDocumentAsync(cancel);
        var operations = document.Paths.SelectMany(path => path.Value.Operations ?? [], (path, operation) => (
            Group: operation.Value.Tags?.FirstOrDefault()?.Name ?? "Other", Operation: Describe(path.Key, operation.Key, operation.Value)));
        return new(
            Plain(document.Info.Description) ?? "",
            [.. operations.GroupBy(entry => entry.Group, entry => entry.Operation).Select(group => new ApiGroup(group.Key, [.. group]))],
            [
                .. (document.Components?.Schemas ?? new Dictionary<string, IOpenApiSchema>())
                    .Select(entry => Describe(entry.Key, entry.Value)),
            ]);
    }

    private static ApiOperation Describe(string path, HttpMethod method, OpenApiOperation operation) => new(
        method.Method, path, Plain(operation.Summary) ?? "", Plain(operation.Description),
        [
            .. (operation.Parameters ?? []).Select(parameter => new ApiField(
                parameter.Name ?? "", TypeOf(parameter.Schema), Plain(parameter.Description), parameter.Required)),
        ],
        TypeOf(operation.RequestBody?.Content),
        [
            .. (operation.Responses ?? []).OrderBy(answer => answer.Key, StringComparer.Ordinal)
                .Select(answer => new ApiAnswer(answer.Key, answer.Value.Description ?? "", TypeOf(answer.Value.Content))),
        ]);

    private static ApiSchema Describe(string name, IOpenApiSchema schema) => new(
        name, Plain(schema.Description),
        [
            .. (schema.Properties ?? new Dictionary<string, IOpenApiSchema>()).Select(field => new ApiField(
                field.Key, TypeOf(field.Value), Plain(field.Value.Description), schema.Required?.Contains(field.Key) == true)),
        ],
        Words(schema));

    private static string? TypeOf(IDictionary<string, OpenApiMediaType>? content)
        => content is { Count: > 0 } ? TypeOf(content.First().Value.Schema) : null;

    private static string TypeOf(IOpenApiSchema? schema) => schema switch
    {
        null => "any",
        OpenApiSchemaReference reference => reference.Reference.Id ?? "any",
        { Type: { } type } when type.HasFlag(JsonSchemaType.Array) => $"array of {TypeOf(schema.Items)}",
        { OneOf: { Count: > 0 } choices } => Either(choices),
        { AnyOf: { Count: > 0 } choices } => Either(choices),
        _ when Words(schema) is { Count: > 0 } words => string.Join(" | ", words),
        { AdditionalProperties: { } values } => $"object of {TypeOf(values)}",
        { Type: { } type } => Name(type, schema.Format),
        _ => "any",
    };

    private static string Either(IEnumerable<IOpenApiSchema> choices)
        => string.Join(" | ", choices.Select(TypeOf).Where(name => name != "null").Distinct());

    // Numbers may come as text too, since JSON has no NaN; that says nothing to a reader.
    private static string Name(JsonSchemaType type, string? format)
    {
        var number = type.HasFlag(JsonSchemaType.Integer) ? "integer" : type.HasFlag(JsonSchemaType.Number) ? "number" : null;
        var name = number ?? (type & ~JsonSchemaType.Null).ToString().ToLowerInvariant();
        var exact = number is null && format is not null ? $"{name} ({format})" : name;
        return type.HasFlag(JsonSchemaType.Null) ? $"{exact}, may be null" : exact;
    }

    private static IReadOnlyList<string> Words(IOpenApiSchema schema)
        => [.. (schema.Enum ?? []).Where(value => value is not null).Select(value => value.ToString())];

    // Comments of the code are XML, and some of its escapes are left.
    private static string? Plain(string? text)
        => text is null ? null : System.Net.WebUtility.HtmlDecode(text).Replace("`", "", StringComparison.Ordinal);
}
