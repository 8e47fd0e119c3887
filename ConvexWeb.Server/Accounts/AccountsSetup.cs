using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server.Circuits;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Server.Accounts;

public static class AccountsSetup
{
    private const string AnyScheme = "Any";

    /// <summary>Sign-in by cookie or API token; without one of them nothing is answered that does not say so itself.</summary>
    public static IServiceCollection AddAccounts(this IServiceCollection services)
    {
        services.AddPooledDbContextFactory<ConvexDb>(
            (provider, options) => options.UseNpgsql(provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<ConvexDb>>().CreateDbContext());
        services.Configure<PasswordHasherOptions>(options => options.IterationCount = PasswordRules.HashIterations);
        services.AddDataProtection().SetApplicationName("ConvexWeb");
        services.AddSingleton<KeyStore>();
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(provider =>
            new ConfigureOptions<KeyManagementOptions>(options => options.XmlRepository = provider.GetRequiredService<KeyStore>()));

        services.AddIdentityCore<User>(ConfigureIdentity).AddEntityFrameworkStores<ConvexDb>();
        services.AddScoped<IPasswordValidator<User>, PasswordRules>().AddScoped<PasswordCheck>()
            .AddScoped<NewPasswords>().AddScoped<LinkUses>();

        services.AddSingleton<CookieNames>().AddSingleton<AttemptLimits>().AddSingleton<Names>();
        services.AddSingleton<Sessions>().AddSingleton<ApiTokens>().AddSingleton<OneTimeLinks>().AddSingleton<UserChanges>();
        services.AddSingleton<PublicAddress>().AddSingleton<RefusalNotes>();
        services.AddScoped<IAudit, StoredAudit>();
        services.AddSingleton<SessionWatch>().AddHostedService(provider => provider.GetRequiredService<SessionWatch>());
        services.AddOptions<AntiforgeryOptions>().Configure<CookieNames>((options, cookies) => options.Cookie.Name = cookies.Form);
        services.AddAuthentication(AnyScheme)
            .AddPolicyScheme(AnyScheme, null, options => options.ForwardDefaultSelector = context =>
                TokenHandler.IsIn(context.Request) ? Identities.TokenScheme : Identities.SessionScheme)
            .AddScheme<AuthenticationSchemeOptions, TokenHandler>(Identities.TokenScheme, null)
            .AddScheme<AuthenticationSchemeOptions, SessionHandler>(Identities.SessionScheme, null);
        services.AddAccessRules();

        services.AddCascadingAuthenticationState();
        services.AddScoped<SessionState>();
        services.Replace(ServiceDescriptor.Scoped<AuthenticationStateProvider>(provider => provider.GetRequiredService<SessionState>()));
        services.AddScoped<Caller>();
        services.AddScoped<CircuitHandler, CallerCircuitHandler>();
        services.AddScoped<IAccounts, StoredAccounts>().AddScoped<ISecondFactor, StoredSecondFactor>();
        services.AddSingleton<SecondFactors>().AddScoped<HalfSignIn>().AddScoped<Entrance>().AddScoped<PersonProof>();
        services.AddHostedService<SetupLink>();
        return services;
    }

    /// <summary>In this order: who asks, how often, may he, and is the form one of ours.</summary>
    public static void UseAccounts(this IApplicationBuilder app)
    {
        app.UseAuthentication();
        app.Use((context, next) =>
        {
            context.RequestServices.GetRequiredService<Caller>().Use(context.User);
            return next(context);
        });
        app.UseRateLimiter();
        app.Use((context, next) => context.RequestServices.GetRequiredService<RefusalNotes>()
            .WatchAsync(context, context.RequestServices.GetRequiredService<Caller>(), next));
        app.UseAuthorization();
        app.Use(HttpSetup.OnlyPostNegotiates);
        app.Use(IdempotencyKey.ReadAsync);
        app.UseAntiforgery();
    }

    private static void ConfigureIdentity(IdentityOptions options)
    {
        options.Password = new PasswordOptions
        {
            RequiredLength = PasswordRules.Shortest,
            RequiredUniqueChars = 1,
            RequireDigit = false,
            RequireLowercase = false,
            RequireUppercase = false,
            RequireNonAlphanumeric = false,
        };
        options.User.AllowedUserNameCharacters = ""; // Names says which
    }
}
