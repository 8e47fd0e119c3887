using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ConvexWeb.Server.Certificates;

public static class CertificatesApi
{
    public static void MapCertificates(this IEndpointRouteBuilder api)
    {
        var certificate = api.MapGroup("/runs/{id:long}/certificate").WithTags("Certificates");
        certificate.MapPost("", Request).Allow(Access.Submit).MakesOnce().RequireRateLimiting(RateLimits.Submit)
            .WithSummary("Asks for a certificate of input convexity; the same request gives the same certificate, unless it failed");
        certificate.MapGet("", Latest).Allow(Access.Read)
            .WithSummary("The run's certificate that was asked for last: its state, and its result when it is done");
        certificate.MapDelete("", Cancel).Allow(Access.Submit).WithSummary(
            "Ends a certificate that waits or is being made: the newest that the caller asked for, else the one that was asked for last");
        certificate.MapGet("/choices", Choices).Allow(Access.Read)
            .WithSummary("What a request may choose: how many pairs the network takes in reasonable time, "
                + "and unconstrained runs that can be its control");
    }

    private static async Task<Results<Accepted<CertificateView>, NotFound, ValidationProblem>> Request(
        long id, CertificateRequest request, ICertificates certificates, CancellationToken cancel) =>
        await certificates.RequestAsync(id, request, cancel) is { } certificate
            ? TypedResults.Accepted($"/api/v1/runs/{id}/certificate", certificate)
            : TypedResults.NotFound();

    private static async Task<Results<NoContent, NotFound, ProblemHttpResult>> Cancel(
        long id, ICertificates certificates, CancellationToken cancel) =>
        await certificates.CancelAsync(id, cancel) switch
        {
            { Done: true } => TypedResults.NoContent(),
            { Found: false } => TypedResults.NotFound(),
            { Denied: true } denied => Problems.Forbidden(denied.Message!),
            var refused => Problems.Conflict(refused.Message!),
        };

    private static async Task<Results<Ok<CertificateChoices>, NotFound>> Choices(
        long id, ICertificates certificates, CancellationToken cancel)
        => await certificates.ChoicesAsync(id, cancel) is { } choices ? TypedResults.Ok(choices) : TypedResults.NotFound();

    private static async Task<Results<Ok<CertificateView>, NotFound>> Latest(
        long id, ICertificates certificates, CancellationToken cancel)
        => await certificates.LatestAsync(id, cancel) is { } certificate ? TypedResults.Ok(certificate) : TypedResults.NotFound();
}
