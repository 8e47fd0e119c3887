using System.Security.Claims;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
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
    public const string AdminPolicy = "admin";
    private const string AnyScheme = "Any";

    /// <summary>Sign-in by cookie or API token; without one of them nothing is answered that does not say so itself.</summary>
    public static IServiceCollection AddAccounts(this IServiceCollection services, Settings settings)
    {
        services.AddPooledDbContextFactory<ConvexDb>(
            (provider, options) => options.UseNpgsql(provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<ConvexDb>>().CreateDbContext());
        services.AddDataProtection().SetApplicationName("ConvexWeb");
        services.AddSingleton<KeyStore>();
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(provider =>
            new ConfigureOptions<KeyManagementOptions>(options => options.XmlRepository = provider.GetRequiredService<KeyStore>()));

        services.AddIdentityCore<User>(ConfigureIdentity)
            .AddEntityFrameworkStores<ConvexDb>().AddSignInManager().AddClaimsPrincipalFactory<Claims>();
        services.AddScoped<IPasswordValidator<User>, PasswordRules>();
        services.Configure<SecurityStampValidatorOptions>(options =>
        {
            options.ValidationInterval = TimeSpan.FromMinutes(1);
            options.OnRefreshingPrincipal = KeepSession;
        });

        services.AddSingleton<SessionStore>();
        services.AddAuthentication(AnyScheme)
            .AddPolicyScheme(AnyScheme, null, options => options.ForwardDefaultSelector = context =>
                TokenHandler.IsIn(context.Request) ? TokenHandler.SchemeName : IdentityConstants.ApplicationScheme)
            .AddScheme<AuthenticationSchemeOptions, TokenHandler>(TokenHandler.SchemeName, null)
            .AddCookie(IdentityConstants.ApplicationScheme);
        services.AddOptions<CookieAuthenticationOptions>(IdentityConstants.ApplicationScheme)
            .Configure<SessionStore>((options, sessions) => ConfigureCookie(options, sessions, settings));

        var signedIn = new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build();
        services.AddAuthorizationBuilder()
            .SetDefaultPolicy(signedIn)
            .SetFallbackPolicy(signedIn)
            .AddPolicy(AdminPolicy, policy => policy.RequireRole(Roles.Admin));

        services.AddCascadingAuthenticationState();
        services.Replace(ServiceDescriptor.Scoped<AuthenticationStateProvider, SessionState>());
        services.AddScoped<Caller>();
        services.AddScoped<CircuitHandler, CallerCircuitHandler>();
        services.AddScoped<IAccounts, StoredAccounts>();
        services.AddHostedService(provider => ActivatorUtilities.CreateInstance<SetupLink>(provider));
        return services;
    }

    /// <summary>In this order: who asks, how often, may he, and is the form one of ours.</summary>
    public static void UseAccounts(this IApplicationBuilder app)
    {
        app.UseAuthentication();
        app.Use((context, next) =>
        {
            context.RequestServices.GetRequiredService<Caller>().Use(context.User, $"{context.Request.Scheme}://{context.Request.Host}/");
            return next(context);
        });
        app.UseRateLimiter();
        app.UseAuthorization();
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
        options.Lockout.MaxFailedAccessAttempts = 8;
        options.Lockout.DefaultLockoutTimeSpan = TimeSpan.FromMinutes(5);
    }

    private static void ConfigureCookie(CookieAuthenticationOptions options, SessionStore sessions, Settings settings)
    {
        // The prefix makes browsers refuse such a cookie from anywhere but this host over TLS; plain http (loopback) cannot have it.
        options.Cookie.Name = settings.IsHttps ? "__Host-convex" : "convex";
        options.Cookie.SecurePolicy = settings.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
        options.Cookie.HttpOnly = true;
        options.Cookie.SameSite = SameSiteMode.Lax;
        options.Cookie.Path = "/";
        options.SessionStore = sessions;
        options.SlidingExpiration = true;
        options.ExpireTimeSpan = SessionStore.Sliding;
        options.LoginPath = "/signin";
        options.ReturnUrlParameter = "returnUrl";
        options.Events.OnValidatePrincipal = SecurityStampValidator.ValidatePrincipalAsync;
        options.Events.OnRedirectToLogin = context => Answer(context, StatusCodes.Status401Unauthorized);
        options.Events.OnRedirectToAccessDenied = context => Answer(context, StatusCodes.Status403Forbidden);
    }

    // A person who opens a page is sent to the sign-in form; a program gets the status.
    private static Task Answer(RedirectContext<CookieAuthenticationOptions> context, int status)
    {
        if (status == StatusCodes.Status401Unauthorized && PagesSetup.IsPage(context.Request))
            context.Response.Redirect(context.RedirectUri);
        else
            context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    private static Task KeepSession(SecurityStampRefreshingPrincipalContext context)
    {
        if (context.CurrentPrincipal?.FindFirst(SessionStore.Claim) is { } session)
            (context.NewPrincipal?.Identity as ClaimsIdentity)?.AddClaim(session.Clone());
        return Task.CompletedTask;
    }

    private sealed class Claims(UserManager<User> users, IOptions<IdentityOptions> options)
        : UserClaimsPrincipalFactory<User>(users, options)
    {
        protected override async Task<ClaimsIdentity> GenerateClaimsAsync(User user)
        {
            var identity = await base.GenerateClaimsAsync(user);
            if (user.IsAdmin) identity.AddClaim(new Claim(ClaimTypes.Role, Roles.Admin));
            return identity;
        }
    }
}
