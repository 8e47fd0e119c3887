using System.Net;
using System.Security.Claims;
using ConvexWeb.Server.Accounts;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Support;

/// <summary>A browser that has loaded a page with a form: cookies, and the form's antiforgery token.</summary>
public sealed class Forms : IDisposable
{
    private readonly ServerHost host;
    private readonly CookieContainer cookies = new();

    public Forms(ServerHost host)
    {
        this.host = host;
        Client = new(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = cookies }) { BaseAddress = host.Address };
    }

    public HttpClient Client { get; }

    public Cookie? Session => cookies.GetCookies(host.Address)[Names.Session];

    private CookieNames Names => host.Services.GetRequiredService<CookieNames>();

    /// <summary>The header that carries this browser's session in a request of another client.</summary>
    public string CookieHeader => cookies.GetCookieHeader(host.Address);

    public Task<HttpResponseMessage> PostAsync(string path, params (string Name, string? Value)[] fields)
        => PostAsync(path, userId: null, fields);

    /// <param name="userId">Who was signed in when the form was made; it is good for nobody else.</param>
    public async Task<HttpResponseMessage> PostAsync(string path, Guid? userId, params (string Name, string? Value)[] fields) =>
        await Client.PostAsync(path, new FormUrlEncodedContent(await SignAsync(userId, fields)));

    /// <summary>In the encoding for files, in which a field may hold any byte.</summary>
    public async Task<HttpResponseMessage> PostPartsAsync(string path, params (string Name, string? Value)[] fields)
    {
        var parts = new MultipartFormDataContent();
        foreach (var (name, value) in await SignAsync(userId: null, fields)) parts.Add(new StringContent(value), name);
        return await Client.PostAsync(path, parts);
    }

    private async Task<IEnumerable<KeyValuePair<string, string>>> SignAsync(Guid? userId, (string Name, string? Value)[] fields)
    {
        await using var scope = host.Services.CreateAsyncScope();
        var context = new DefaultHttpContext { RequestServices = scope.ServiceProvider };
        if (userId is { } id)
            context.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, id.ToString())], "test"));
        var tokens = scope.ServiceProvider.GetRequiredService<IAntiforgery>().GetTokens(context);
        cookies.Add(host.Address, new Cookie(Names.Form, tokens.CookieToken));
        return fields.Select(field => KeyValuePair.Create(field.Name, field.Value ?? ""))
            .Append(KeyValuePair.Create(tokens.FormFieldName, tokens.RequestToken!));
    }

    public Task<HttpResponseMessage> SignInAsync(string name, string password = ServerHost.Password, string? returnUrl = null) =>
        PostAsync("/account/signin", ("name", name), ("password", password), ("returnUrl", returnUrl));

    public void Dispose() => Client.Dispose();
}
