using System.Net;
using ConvexWeb.Server.Backups;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Scheduling;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Server;

public enum Role
{
    Both,
    Web,
    Worker,
}

/// <summary>Section <c>Convex</c> of the configuration. Everything has a default that suits one machine.</summary>
public sealed class Settings
{
    public Role Role { get; set; } = Role.Both;

    /// <summary>Folder of runs, checkpoints, datasets and the private database.</summary>
    public string Data { get; set; } = DefaultData();

    /// <summary>
    /// Where to listen; by default port 5080 on loopback, and for a worker, which only answers health checks, any free port there: so
    /// several start on one host.
    /// </summary>
    public string? Url { get; set; }

    /// <summary>
    /// The address that people use, when it is not where we listen; links that are handed out begin with it, and its host is allowed.
    /// </summary>
    public string? PublicUrl { get; set; }

    /// <summary>
    /// Whether people may come over plain http from other machines, where anybody on the way can read passwords and cookies.
    /// </summary>
    public bool AllowPlainHttp { get; set; }

    /// <summary>Whether administrators have their rights only with a second factor.</summary>
    public bool AdminsNeedSecondFactor { get; set; }

    /// <summary>Proxies (addresses or networks) whose X-Forwarded headers are believed.</summary>
    public IList<string> TrustedProxies { get; init; } = [];

    /// <summary>Whether an empty server gets a small study to look at.</summary>
    public bool Demo { get; set; } = true;

    /// <summary>Whether a run with a convexity constraint gets a certificate of its last checkpoint when it has succeeded.</summary>
    public bool CertifyRuns { get; set; } = true;

    /// <summary>The queue that new runs go to when their submission names none.</summary>
    public string Queue { get; set; } = "cpu";

    public Limits Limits { get; init; } = new();

    public RetentionSettings Retention { get; init; } = new();

    public BackupSettings Backup { get; init; } = new();

    public string ListenUrl => Url ?? (Role == Role.Worker ? "http://127.0.0.1:0" : "http://127.0.0.1:5080");

    /// <summary>The name that people use, when <see cref="PublicUrl"/> says it.</summary>
    public string? PublicHost => Uri.TryCreate(PublicUrl, UriKind.Absolute, out var address) ? address.Host : null;

    public string DataFolder => Path.GetFullPath(Data.StartsWith("~/", StringComparison.Ordinal) ? Path.Combine(Home(), Data[2..]) : Data);

    public bool IsHttps => (PublicUrl ?? ListenUrl).StartsWith("https://", StringComparison.OrdinalIgnoreCase);
    /// <summary>People come by https, whatever is listened on: a proxy is in between.</summary>
    public bool HasPublicTls => PublicUrl?.StartsWith("https://", StringComparison.OrdinalIgnoreCase) == true;

    public bool ServesWeb => Role != Role.Worker;
    public bool Trains => Role != Role.Web;

    // Root's home is closed to the database's own user, so root keeps its data where services do.
    private static string DefaultData() => Environment.UserName == "root" ? "/var/lib/convexweb" : "~/.convexweb";
    private static string Home() => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
}

/// <summary>How often one client may do something.</summary>
public sealed class Limits
{
    public int SignInsPerMinute { get; set; } = 30;
    public int RequestsPerMinute { get; set; } = 1200;
    public int SubmissionsPerMinute { get; set; } = 60;
}

/// <summary>All problems of the settings at once, so that a start fails once and not once per typing error.</summary>
public sealed class SettingsCheck(IConfiguration configuration) : IValidateOptions<Settings>
{
    public ValidateOptionsResult Validate(string? name, Settings settings)
    {
        var problems = Problems(settings).ToList();
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private IEnumerable<string> Problems(Settings settings)
    {
        foreach (var unknown in SettingNames.Unknown(configuration)) yield return unknown;
        if (configuration.GetSection("Kestrel:Endpoints").GetChildren().Any())
            yield return "Kestrel:Endpoints would listen where no rule looks: name the addresses in Convex:Url.";
        if (!Enum.IsDefined(settings.Role)) yield return "Convex:Role must be web, worker or both.";
        if (string.IsNullOrWhiteSpace(settings.Data)) yield return "Convex:Data must name a folder.";

        var urls = settings.ListenUrl.Split(';').Select(url => (Text: url, Address: Address(url))).ToList();
        foreach (var (text, _) in urls.Where(url => url.Address is null))
            yield return $"Convex:Url '{text}' is not an address such as http://127.0.0.1:5080.";
        if (settings.Role == Role.Worker && urls.Any(url => url.Address is { IsLoopback: false }))
            yield return "Convex:Url of a worker must be a loopback address: it only answers health checks.";
        var reachable = urls.Any(url => url.Address is { IsLoopback: false });
        if (settings.ServesWeb && reachable && settings.PublicUrl is null && OnlyLoopbackHosts())
        {
            yield return "Convex:PublicUrl must be the address that people use, or AllowedHosts name the hosts, "
                + "because Convex:Url is not a loopback address.";
        }

        // A public address on this machine says nothing of who else reaches the one that is listened on, but in a container: there that is
        // an address of the container's own network, and only its host knows which ports lead to it.
        var inContainer = settings.PublicUrl is not null && OnlyLoopbackHosts()
            && configuration.GetValue("DOTNET_RUNNING_IN_CONTAINER", false);
        var peoples = urls.Where(_ => !inContainer).Select(url => url.Address)
            .Append(settings.PublicUrl is { } people ? Address(people) : null);
        if (settings is { ServesWeb: true, AllowPlainHttp: false, HasPublicTls: false }
            && peoples.Any(url => url is { IsLoopback: false, Scheme: "http" }))
        {
            yield return "Passwords would go over the network in the clear: let a proxy with TLS stand in front and give its https address "
                + "in Convex:PublicUrl, or accept that with Convex:AllowPlainHttp=true.";
        }

        if (settings.PublicUrl is { } given && Address(given) is null)
            yield return $"Convex:PublicUrl '{given}' is not an http or https address.";
        if (settings is { ServesWeb: true, IsHttps: true, TrustedProxies.Count: 0 } && urls.All(url => url.Address?.Scheme != "https"))
        {
            yield return "Convex:PublicUrl is https and Convex:Url is not, so a proxy must be in between: "
                + "name it in Convex:TrustedProxies, such as 127.0.0.1, or nobody could sign in.";
        }
        var unreadable = settings.TrustedProxies.Where(proxy => !IPAddress.TryParse(proxy, out _) && !IPNetwork.TryParse(proxy, out _));
        foreach (var proxy in unreadable)
            yield return $"Convex:TrustedProxies '{proxy}' is neither an IP address nor a network such as 10.0.0.0/8.";
        if (!WorkerSettings.IsQueue(settings.Queue))
            yield return "Convex:Queue must name a queue of workers, in small letters, digits, '_' and '-'.";
        if (settings.Queue == WorkerSettings.MaintenanceQueue)
            yield return $"Convex:Queue may not be '{WorkerSettings.MaintenanceQueue}', the server's own.";
        foreach (var problem in settings.Retention.Problems().Concat(settings.Backup.Problems())) yield return problem;
        foreach (var (limit, value) in new[]
                 {
                     (nameof(Limits.SignInsPerMinute), settings.Limits.SignInsPerMinute),
                     (nameof(Limits.RequestsPerMinute), settings.Limits.RequestsPerMinute),
                     (nameof(Limits.SubmissionsPerMinute), settings.Limits.SubmissionsPerMinute),
                 })
        {
            if (value < 1) yield return $"Convex:Limits:{limit} must be at least 1, not {value}.";
        }
    }

    // Kestrel's wildcards (http://+:5080, http://*:5080) are not URIs.
    private static Uri? Address(string url)
    {
        var open = url.Replace("://+", "://0.0.0.0", StringComparison.Ordinal).Replace("://*", "://0.0.0.0", StringComparison.Ordinal);
        return Uri.TryCreate(open, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" ? address : null;
    }

    // No names at all allow every host, as * does.
    private bool OnlyLoopbackHosts() => (configuration["AllowedHosts"] ?? "*")
        .Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) is { Length: > 0 } hosts
        && hosts.All(host => host is "localhost" or "127.0.0.1" or "[::1]");
}

public static class SettingsSetup
{
    /// <summary>Binds and checks the settings before anything is built from them.</summary>
    public static Settings AddSettings(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<IValidateOptions<Settings>, SettingsCheck>();
        builder.Services.AddOptions<Settings>().BindConfiguration("Convex");
        var settings = builder.Configuration.GetSection("Convex").Get<Settings>() ?? new Settings();
        var result = new SettingsCheck(builder.Configuration).Validate(null, settings);
        return result.Failed ? throw new OptionsValidationException("Convex", typeof(Settings), result.Failures) : settings;
    }
}
