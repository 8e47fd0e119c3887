using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Training.Specs;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Priority = ConvexWeb.Client.Contracts.Priority;

namespace ConvexWeb.Server.Http;

/// <summary>
/// /api/openapi.json, and what the reference page shows of it. The schema of a spec is made from the catalogue that also checks it.
/// </summary>
public static class OpenApiSetup
{
    private const string SpecSchema = "Spec";
    private const string SubmissionSchema = "Submission";

    public static IServiceCollection AddApiReference(this IServiceCollection services)
        => services.AddSingleton<IApiReference, ApiReference>().AddOpenApi(options =>
    {
        options.AddDocumentTransformer(Describe);
        options.AddOperationTransformer(AddBody);
    });

    public static void MapApiReference(this IEndpointRouteBuilder routes)
    {
        routes.MapOpenApi("/api/openapi.json").Allow(Access.Read);
    }

    private static Task Describe(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancel)
    {
        document.Info = new OpenApiInfo
        {
            Title = "ConvexWeb",
            Version = "v1",
            Description = "All that the pages can do. Sign in with the browser's session, "
                + "or send `Authorization: Bearer cvx_…` with a token of your account page.",
        };
        document.Servers = [];
        document.AddComponent("token", new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "A personal token, cvx_…",
        });
        document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("token", document)] = [] }];
        document.AddComponent(SpecSchema, Spec());
        document.AddComponent(SubmissionSchema, Submission(document));
        return Task.CompletedTask;
    }

    private static Task AddBody(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancel)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        if (metadata.OfType<MakesOnce>().Any())
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = IdempotencyKey.Header,
                In = ParameterLocation.Header,
                Description = "A text of your own for this request, such as a UUID: sent again within a day, it makes nothing twice.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = IdempotencyKey.Longest },
            });
        }
        var schema = metadata.OfType<SpecBody>().Any() ? SpecSchema : metadata.OfType<SubmissionBody>().Any() ? SubmissionSchema : null;
        if (schema is null) return Task.CompletedTask;
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["application/json"] = new() { Schema = new OpenApiSchemaReference(schema, context.Document) },
            },
        };
        return Task.CompletedTask;
    }

    private static OpenApiSchema Spec()
    {
        var properties = Catalogue.Sections.ToDictionary(section => section.Key, IOpenApiSchema (section) => section.Choices.Count == 0
            ? Fields(null, section.Summary, section.Parameters)
            : new OpenApiSchema
            {
                Description = section.Summary,
                OneOf = [.. section.Choices.Select(entry => Fields(entry.Name, $"{entry.Title}. {entry.Summary}", entry.Parameters))],
            });
        properties[SpecVersions.Field] = new OpenApiSchema
        {
            Type = JsonSchemaType.Integer,
            Enum = [JsonValue.Create(SpecVersions.First), JsonValue.Create(SpecVersions.Current)],
            Description = $"Which meaning the fields have: {SpecVersions.Current} is today's, {SpecVersions.First} the first version's. "
                + "Needed only where the two differ for this spec; the refusal says so.",
        };
        return new()
        {
            Type = JsonSchemaType.Object,
            Description = "The complete description of one training, without a seed. "
                + "Sections and fields that are left out take their defaults.",
            AdditionalPropertiesAllowed = false,
            Properties = properties,
        };
    }

    private static OpenApiSchema Fields(string? name, string description, IReadOnlyList<Parameter> parameters)
    {
        var properties = new Dictionary<string, IOpenApiSchema>();
        if (name is not null) properties["name"] = new OpenApiSchema { Type = JsonSchemaType.String, Enum = [JsonValue.Create(name)] };
        foreach (var parameter in parameters) properties[parameter.Name] = Field(parameter);
        return new()
        {
            Title = name,
            Type = JsonSchemaType.Object,
            Description = description,
            AdditionalPropertiesAllowed = false,
            Properties = properties,
            Required = name is null ? null : new HashSet<string> { "name" },
        };
    }

    private static OpenApiSchema Field(Parameter parameter)
    {
        var isList = parameter.Type is ParameterType.IntList or ParameterType.NumberList;
        var single = new OpenApiSchema
        {
            Type = parameter.Type switch
            {
                ParameterType.Int or ParameterType.IntList => JsonSchemaType.Integer,
                ParameterType.Number or ParameterType.NumberList => JsonSchemaType.Number,
                ParameterType.Bool => JsonSchemaType.Boolean,
                _ => JsonSchemaType.String,
            },
            Minimum = parameter.Min is { } min ? JsonValue.Create(min).ToJsonString() : null,
            Maximum = parameter.Max is { } max ? JsonValue.Create(max).ToJsonString() : null,
            Enum = parameter.Allowed?.Select(word => (JsonNode)JsonValue.Create(word)).ToList(),
        };
        var schema = isList ? new OpenApiSchema { Type = JsonSchemaType.Array, Items = single, MinItems = 1 } : single;
        if (parameter.Optional) schema.Type |= JsonSchemaType.Null;
        schema.Description = parameter.Help;
        schema.Default = SpecWriter.ValueToJson(parameter.Default);
        return schema;
    }

    private static OpenApiSchema Submission(OpenApiDocument document) => new()
    {
        Type = JsonSchemaType.Object,
        AdditionalPropertiesAllowed = false,
        Required = new HashSet<string> { "spec" },
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["name"] = new OpenApiSchema
            {
                Type = JsonSchemaType.String | JsonSchemaType.Null,
                MaxLength = 200,
                Description = "Name of the study.",
            },
            ["spec"] = new OpenApiSchemaReference(SpecSchema, document),
            ["grid"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Object | JsonSchemaType.Null,
                Description = "Field path → values to try; every combination is a spec.",
                AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.Array, MinItems = 1, Items = new OpenApiSchema() },
                Examples = [JsonNode.Parse("""{"labels.name": ["true", "random"], "optimizer.lr": [0.001, 0.0001]}""")!],
            },
            ["seeds"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Array,
                MinItems = 1,
                Items = new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "0" },
                Default = new JsonArray(0),
            },
            ["priority"] = new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Enum = [.. Words.Of<Priority>().Select(word => (JsonNode)JsonValue.Create(word))],
                Default = JsonValue.Create(Words.Of(Priority.Normal)),
                Description = "urgent is for administrators.",
            },
            ["queue"] = new OpenApiSchema
            {
                Type = JsonSchemaType.String | JsonSchemaType.Null,
                MaxLength = 40,
                Description = "The label of the workers that may take the runs, such as gpu.",
            },
            ["maxRunning"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Integer | JsonSchemaType.Null,
                Minimum = "1",
                Maximum = $"{Client.Contracts.Submission.MostRuns}",
                Description = "How many of the study's runs may run at once.",
            },
        },
    };
}
