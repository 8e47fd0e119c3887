using Microsoft.Extensions.Options;

namespace ConvexWeb.Server.Leasing;

/// <summary>Section <c>Convex:Worker</c>: what this node trains, when its role is worker or both.</summary>
public sealed class WorkerSettings
{
    /// <summary>Name of the queue of maintenance jobs, which no group of workers may have.</summary>
    public const string MaintenanceQueue = "maintenance";

    private static readonly int Cores = Environment.ProcessorCount;

    /// <summary>False: this node takes no runs, whatever its role.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>The worker's name on pages; give one to each when several run on one host.</summary>
    public string Name { get; set; } = Environment.MachineName;

    /// <summary>Runs trained at the same time.</summary>
    public int Slots { get; set; } = Math.Min(2, Cores);

    /// <summary>Threads of each trainer; by default the cores are shared out among the slots.</summary>
    public int? Threads { get; set; }

    /// <summary>Execution groups whose runs it takes, separated by commas.</summary>
    public string Groups { get; set; } = "cpu";

    /// <summary>Devices, separated by commas, that the slots take in turn: <c>cpu</c>, <c>cuda:0</c>, …</summary>
    public string Devices { get; set; } = "cpu";

    /// <summary>Added to the trainers' niceness, so that pages stay quick on a machine that also trains.</summary>
    public int Niceness { get; set; } = 5;

    /// <summary>For so long nobody takes a run from a worker that was last heard of.</summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>How long a trainer that is asked to stop has for its last checkpoint.</summary>
    public TimeSpan StopPatience { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a certificate may take: it stands in the place of a training.</summary>
    public TimeSpan CertificateLimit { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Program and first arguments of the trainer; empty: the one beside this program.</summary>
    public IList<string> Trainer { get; init; } = [];

    public IReadOnlyList<string> GroupList => Split(Groups);
    public IReadOnlyList<string> DeviceList => Split(Devices);
    public int ThreadsPerSlot => Threads ?? Math.Max(1, Cores / Math.Max(1, Slots));
    public TimeSpan Renewal => Lease / 4;

    internal IEnumerable<string> Problems()
    {
        if (string.IsNullOrWhiteSpace(Name)) yield return "Convex:Worker:Name must not be empty.";
        if (Slots is < 1 or > 256) yield return $"Convex:Worker:Slots must be from 1 to 256, not {Slots}.";
        if (Threads is < 1 or > 1024) yield return $"Convex:Worker:Threads must be from 1 to 1024, not {Threads}.";
        if (GroupList.Count == 0) yield return "Convex:Worker:Groups must name at least one group, such as cpu.";
        if (DeviceList.Count == 0) yield return "Convex:Worker:Devices must name at least one device, such as cpu or cuda:0.";
        if (Niceness is < 0 or > 19) yield return $"Convex:Worker:Niceness must be from 0 to 19, not {Niceness}.";
        if (Lease < TimeSpan.FromSeconds(1)) yield return $"Convex:Worker:Lease must be at least a second, not {Lease}.";
        foreach (var group in GroupList.Where(group => !IsGroup(group)))
            yield return $"Convex:Worker:Groups may have small letters, digits, '_' and '-' in a name; got '{group}'.";
        if (GroupList.Contains(MaintenanceQueue)) yield return $"Convex:Worker:Groups may not name '{MaintenanceQueue}', the server's own.";
        if (StopPatience < TimeSpan.Zero || StopPatience > TimeSpan.FromSeconds(20))
            yield return $"Convex:Worker:StopPatience must be from 0 to 20 seconds, not {StopPatience}.";
        if (CertificateLimit < TimeSpan.FromSeconds(1) || CertificateLimit > TimeSpan.FromDays(1))
            yield return $"Convex:Worker:CertificateLimit must be from a second to a day, not {CertificateLimit}.";
    }

    /// <summary>Whether a group may be called so: what Hangfire takes for the name of a queue.</summary>
    public static bool IsGroup(string name)
        => name.Length > 0 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '_' or '-');

    private static string[] Split(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}

public static class WorkerSettingsSetup
{
    public static WorkerSettings AddWorkerSettings(this WebApplicationBuilder builder)
    {
        var settings = builder.Configuration.GetSection("Convex:Worker").Get<WorkerSettings>() ?? new WorkerSettings();
        var problems = settings.Problems().ToList();
        if (problems.Count > 0) throw new OptionsValidationException("Convex:Worker", typeof(WorkerSettings), problems);
        builder.Services.AddSingleton(settings);
        return settings;
    }
}
