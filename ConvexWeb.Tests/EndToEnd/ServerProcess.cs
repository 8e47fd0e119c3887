using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>The product as people start it: <c>dotnet ConvexWeb.Server.dll</c>, a process of its own.</summary>
public sealed partial class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process process;
    private bool disposed;
    private readonly List<string> output = [];
    private readonly Uri address;

    private ServerProcess(Process process, Uri address)
    {
        (this.process, this.address) = (process, address);
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Output
    {
        get { lock (output) return string.Join('\n', output); }
    }

    public static ServerProcess Start(string folder, Uri address, params IEnumerable<(string Key, string Value)> settings)
    {
        // As it was built, or as it is published where a bench measures that.
        var published = Environment.GetEnvironmentVariable("CONVEX_APP");
        var program = published ?? AppContext.BaseDirectory;
        var start = new ProcessStartInfo("dotnet", Path.Combine(program, "ConvexWeb.Server.dll"))
        {
            WorkingDirectory = program,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Set("Convex:Data", folder);
        Set("Convex:Url", address.ToString().TrimEnd('/'));
        Set("Convex:Demo", "false");
        foreach (var (key, value) in settings) Set(key, value);

        // Development: static web assets are then served from where the build left them.
        Set("ASPNETCORE_ENVIRONMENT", published is null ? "Development" : "Production");
        return new(Process.Start(start)!, address);

        void Set(string key, string value) => start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
    }

    /// <summary>An address on loopback that nobody listens on; known before the start, so that a server can come back to it.</summary>
    public static Uri FreeAddress()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return new($"http://127.0.0.1:{((IPEndPoint)socket.LocalEndPoint!).Port}/");
    }

    /// <summary>Waits until it says that it is healthy.</summary>
    public async Task<ServerProcess> ReadyAsync()
    {
        using var client = new HttpClient { BaseAddress = address };
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            try
            {
                using var response = await client.GetAsync("health", limit.Token);
                if (response.IsSuccessStatusCode) return this;
            }
            catch (HttpRequestException)
            {
                // Not yet.
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"The server did not become healthy.\n{Output}");
            }
            Assert.False(process.HasExited, $"The server ended.\n{Output}");
            await Task.Delay(50); // between two looks
        }
    }

    /// <summary>The one-time link on its standard output.</summary>
    public async Task<string> LinkAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!limit.IsCancellationRequested)
        {
            if (Link().Match(Output) is { Success: true } link) return link.Value;
            await Task.Delay(50); // between two looks
        }
        throw new TimeoutException($"No link was printed.\n{Output}");
    }

    public int Id => process.Id;

    public Task KillAsync() => process.KillHardAsync();

    public Task<int> TerminateAsync() => process.TerminateAsync();

    public void FallAsleep() => process.FallAsleep();

    public void WakeUp() => process.WakeUp();

    // Also a second time: a test that fails between the end of one process and the start of the next must say why.
    public async ValueTask DisposeAsync()
    {
        if (disposed) return;
        disposed = true;
        if (!process.HasExited) await process.TerminateAsync();
        process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        lock (output) output.Add(line);
    }

    [GeneratedRegex(@"http://\S+/welcome\?token=\S+")]
    private static partial Regex Link();
}
