using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using ConvexWeb.Client.Contracts;

namespace ConvexWeb.Server.Http;

/// <summary>An endpoint that makes something, and makes it once for each <c>Idempotency-Key</c> of a caller.</summary>
public sealed record MakesOnce;

/// <summary>Reads the header of requests to endpoints that are <see cref="MakesOnce"/>.</summary>
public static class IdempotencyKey
{
    public const string Header = "Idempotency-Key";
    public const int Longest = 200;

    /// <summary>For how long a key is known.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(1);

    public static RouteHandlerBuilder MakesOnce(this RouteHandlerBuilder endpoint) => endpoint.WithMetadata(new MakesOnce());

    /// <summary>After authorization: a key is its caller's.</summary>
    public static async Task ReadAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (request.Headers[Header] is { Count: > 0 } given && context.GetEndpoint()?.Metadata.GetMetadata<MakesOnce>() is not null)
        {
            if (given is not [{ Length: > 0 and <= Longest } key] || key.Any(sign => sign is < '!' or > '~'))
                throw new InvalidInputException(Header, $"{Header} must be 1 to {Longest} visible ASCII characters.");
            var user = Guid.Parse(context.User.FindFirstValue(ClaimTypes.NameIdentifier)!);
            context.RequestServices.GetRequiredService<Once>().Use(user, Hash(Encoding.ASCII.GetBytes(key)), await HashAsync(context));
        }
        await next(context);
    }

    private static async Task<string> HashAsync(HttpContext context)
    {
        var request = context.Request;
        request.EnableBuffering((int)HttpSetup.LargestBody);
        using var body = new MemoryStream();
        await body.WriteAsync(Encoding.UTF8.GetBytes($"{request.Method} {request.Path}{request.QueryString}\n"), context.RequestAborted);
        await request.Body.CopyToAsync(body, context.RequestAborted);
        request.Body.Position = 0;
        return Hash(body.GetBuffer().AsSpan(0, (int)body.Length));
    }

    private static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
