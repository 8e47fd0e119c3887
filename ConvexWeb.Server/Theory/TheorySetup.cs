using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Theory;

public static class TheorySetup
{
    public static IServiceCollection AddTheory(this IServiceCollection services)
        => services.AddSingleton<TheoryGate>().AddScoped<ITheory, ComputedTheory>();
}
