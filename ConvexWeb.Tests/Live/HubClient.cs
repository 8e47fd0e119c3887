using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Live;

/// <summary>SignalR's JSON protocol over a plain web socket, by hand: each message is JSON and ends with 0x1E.</summary>
internal sealed class HubClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan BetweenPings = TimeSpan.FromSeconds(10);

    private readonly ClientWebSocket socket = new();
    private readonly SemaphoreSlim sending = new(1);
    private readonly CancellationTokenSource over = new();
    private readonly Channel<JsonObject> calls = Channel.CreateUnbounded<JsonObject>();
    private readonly Dictionary<string, TaskCompletionSource<JsonNode?>> pending = [];
    private Task reading = Task.CompletedTask;
    private Task pinging = Task.CompletedTask;
    private Action<string>? hear;
    private int invocations;

    public static async Task<HubClient> ConnectAsync(ServerHost host, Action<ClientWebSocketOptions> configure)
    {
        var client = await ConnectDeafAsync(host, configure);
        client.Read();
        return client;
    }

    /// <param name="hear">
    /// Gets each call of the server as it stands on the wire, at once, in place of <see cref="NextAsync"/>. It must be quick.
    /// </param>
    public static async Task<HubClient> ConnectAsync(Uri address, string secret, Action<string> hear)
    {
        var client = await ConnectDeafAsync(address, options => options.SetRequestHeader("Authorization", "Bearer " + secret));
        client.hear = hear;
        client.Read();
        return client;
    }

    /// <summary>Like a browser that stands still: it is connected and can speak, and reads nothing until <see cref="Read"/>.</summary>
    public static Task<HubClient> ConnectDeafAsync(ServerHost host, Action<ClientWebSocketOptions> configure)
        => ConnectDeafAsync(host.Address, configure);

    private static async Task<HubClient> ConnectDeafAsync(Uri address, Action<ClientWebSocketOptions> configure)
    {
        var client = new HubClient();
        configure(client.socket.Options);
        await client.socket.ConnectAsync(new UriBuilder(address) { Scheme = "ws", Path = "/hubs/live" }.Uri, CancellationToken.None);
        await client.SendAsync("""{"protocol":"json","version":1}""");
        return client;
    }

    public void Read()
    {
        reading = ReadAsync();
        pinging = PingAsync();
    }

    /// <summary>Calls the hub and waits for no answer.</summary>
    public Task SendAsync(string method, params object[] arguments)
        => SendAsync(JsonSerializer.Serialize(new { type = 1, target = method, arguments }));

    /// <summary>Ends when the server closes the connection.</summary>
    public Task Closed => reading.WaitAsync(Patience);

    /// <summary>As <see cref="Closed"/>, however long that takes.</summary>
    public Task Reading => reading;

    public async Task<T> InvokeAsync<T>(string method, params object[] arguments)
    {
        var id = $"{++invocations}";
        var source = new TaskCompletionSource<JsonNode?>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (pending) pending[id] = source;
        await SendAsync(JsonSerializer.Serialize(new { type = 1, invocationId = id, target = method, arguments }));
        return (await source.Task.WaitAsync(Patience)).Deserialize<T>(Answers.Json)!;
    }

    /// <summary>
    /// The next call of the server to <paramref name="target"/> that <paramref name="wanted"/> takes; others are passed over.
    /// </summary>
    public async Task<T> NextAsync<T>(string target, Func<T, bool>? wanted = null)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            var call = await calls.Reader.ReadAsync(limit.Token);
            if ((string?)call["target"] != target) continue;
            var argument = call["arguments"]![0].Deserialize<T>(Answers.Json)!;
            if (wanted?.Invoke(argument) != false) return argument;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        socket.Abort();
        await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await pinging.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        socket.Dispose();
        over.Dispose();
        sending.Dispose();
    }

    private async Task SendAsync(string json)
    {
        await sending.WaitAsync();
        try
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(json + '\u001e'), WebSocketMessageType.Text, true, CancellationToken.None);
        }
        finally
        {
            sending.Release();
        }
    }

    // The server ends a connection of which it hears nothing for half a minute.
    private async Task PingAsync()
    {
        using var timer = new PeriodicTimer(BetweenPings);
        while (await timer.WaitForNextTickAsync(over.Token) && socket.State == WebSocketState.Open) await SendAsync("""{"type":6}""");
    }

    private async Task ReadAsync()
    {
        var (buffer, text) = (new byte[64 * 1024], new StringBuilder());
        try
        {
            while (true)
            {
                var received = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (received.MessageType == WebSocketMessageType.Close) break;
                text.Append(Encoding.UTF8.GetString(buffer, 0, received.Count));
                if (!received.EndOfMessage || text[^1] != '\u001e') continue;
                foreach (var message in text.ToString().Split('\u001e', StringSplitOptions.RemoveEmptyEntries))
                {
                    if (hear is not null && message.StartsWith("""{"type":1,""", StringComparison.Ordinal)) hear(message);
                    else Take(JsonNode.Parse(message)!.AsObject());
                }
                text.Clear();
            }
        }
        catch (WebSocketException)
        {
            // closed without a word
        }
        calls.Writer.TryComplete();
    }

    private void Take(JsonObject message)
    {
        if ((int?)message["type"] == 1) calls.Writer.TryWrite(message);
        if ((int?)message["type"] != 3) return;
        lock (pending)
        {
            var source = pending[(string)message["invocationId"]!];
            if ((string?)message["error"] is { } error) source.SetException(new InvalidOperationException(error));
            else source.SetResult(message["result"]);
        }
    }
}
