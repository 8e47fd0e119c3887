using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Trainers;

namespace ConvexWeb.Server.Certificates;

public static class CertificatesSetup
{
    /// <summary>
    /// Certificates of input convexity: made on a node that trains, asked for on one that has pages, looked after on all.
    /// </summary>
    public static IServiceCollection AddCertificates(this IServiceCollection services, Settings settings)
    {
        services.AddSingleton<CertificateTasks>().AddSingleton<IWorkExecution, CertificateMaking>().AddHostedService<CertificateSweep>();
        if (settings.ServesWeb) services.AddScoped<ICertificates, StoredCertificates>();
        return services;
    }
}
