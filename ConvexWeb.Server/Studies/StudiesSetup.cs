namespace ConvexWeb.Server.Studies;

public static class StudiesSetup
{
    public static IServiceCollection AddStudies(this IServiceCollection services)
        => services.AddSingleton<Submitter>().AddHostedService<DemoStudy>();
}
