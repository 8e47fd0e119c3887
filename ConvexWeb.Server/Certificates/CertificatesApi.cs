using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ConvexWeb.Server.Certificates;

public static class CertificatesApi
{
    public static void MapCertificates(this IEndpointRouteBuilder api)
    {
        var certificate = api.MapGroup("/runs/{id:long}/certificate").WithTags("Certificates");
        certificate.MapPost("", Request).RequireRateLimiting(RateLimits.Submit)
            .WithSummary("Asks for a certificate of input convexity; the same request gives the same certificate, unless it failed");
        certificate.MapGet("", Latest).WithSummary("The run's certificate that was asked for last: its state, and its result when it is done");
    }

    private static async Task<Results<Accepted<CertificateView>, NotFound, ValidationProblem>> Request(
        long id, CertificateRequest request, ICertificates certificates, CancellationToken cancel) =>
        await certificates.RequestAsync(id, request, cancel) is { } certificate
            ? TypedResults.Accepted($"/api/v1/runs/{id}/certificate", certificate)
            : TypedResults.NotFound();

    private static async Task<Results<Ok<CertificateView>, NotFound>> Latest(long id, ICertificates certificates, CancellationToken cancel) =>
        await certificates.LatestAsync(id, cancel) is { } certificate ? TypedResults.Ok(certificate) : TypedResults.NotFound();
}
