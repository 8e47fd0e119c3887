using System.Globalization;
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

    /// <summary>The worker's name, which no other worker may have; give one to each when several run on one host.</summary>
    public string Name { get; set; } = Environment.MachineName;

    /// <summary>Runs trained at the same time.</summary>
    public int Slots { get; set; } = Math.Min(2, Cores);

    /// <summary>Threads of each trainer; by default the cores are shared out among the slots.</summary>
    public int? Threads { get; set; }

    /// <summary>The queues that it serves, separated by commas: labels such as <c>cpu</c>, <c>gpu</c> or a host's name.</summary>
    public string Queues { get; set; } = "cpu";

    /// <summary>Devices, separated by commas, that the slots take in turn: <c>cpu</c>, <c>cuda:0</c>, …</summary>
    public string Devices { get; set; } = "cpu";

    /// <summary>Added to the trainers' niceness, so that pages stay quick on a machine that also trains.</summary>
    public int Niceness { get; set; } = 5;

    /// <summary>For so long nobody takes a run from a worker that was last heard of.</summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>How long a trainer has for its last checkpoint when its worker stops, which must not take long.</summary>
    public TimeSpan StopPatience { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long it has when it is cancelled, paused or makes room: a large network's checkpoint on a slow drive takes a while, and without
    /// it a pause would lose what was trained since the one before.
    /// </summary>
    public TimeSpan WishPatience { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a node that stops has for the items in hand: the last checkpoints, and storing how their attempts ended.</summary>
    public TimeSpan StopLimit => StopPatience + TimeSpan.FromSeconds(8);

    /// <summary>How long an item waits after its trainer died, before it is tried again; after each further death twice as long.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long an item of level high or urgent waits before a run that is two levels lower makes room for it.</summary>
    public TimeSpan PreemptAfter { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a certificate may take: it stands in the place of a training.</summary>
    public TimeSpan CertificateLimit { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>
    /// For so long a trainer may neither report anything nor use processor time; then it hangs, and is ended. A debugger that stops one
    /// needs more.
    /// </summary>
    public TimeSpan HangLimit { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// What this worker's items may have on devices, in MB, when it is to be less than what there is: <c>cpu=16000, cuda:0=24000</c>. It
    /// is taken at its word, and not shared with other workers of the host. (A setting's name cannot have the colon of a device.)
    /// </summary>
    public string DeviceMemory { get; set; } = "";

    /// <summary>Program and first arguments of the trainer; empty: the one beside this program.</summary>
    public IList<string> Trainer { get; init; } = [];

    /// <summary>
    /// With the worker's own name, if a queue may be called so: what is to run there and nowhere else is queued under it.
    /// </summary>
    public IReadOnlyList<string> QueueList => [.. Split(Queues).Concat(IsQueue(Name) ? [Name] : []).Distinct()];
    public IReadOnlyList<string> DeviceList => Split(Devices);
    public IReadOnlyDictionary<string, int> DeviceMemoryMb => DeviceMemoryPairs.Where(pair => pair.Megabytes > 0)
        .DistinctBy(pair => pair.Device).ToDictionary(pair => pair.Device, pair => pair.Megabytes);
    public int ThreadsPerSlot => Threads ?? Math.Max(1, Cores / Math.Max(1, Slots));

    /// <summary>What tells the trainer's process from others: the program that its line names last before the arguments.</summary>
    public string TrainerProgram => Trainer.Count > 0
        ? Trainer[^1]
        : Path.Combine(AppContext.BaseDirectory, "trainer", "ConvexWeb.Training.dll");

    public TimeSpan Renewal => Lease / 4;

    internal IEnumerable<string> Problems()
    {
        if (string.IsNullOrWhiteSpace(Name)) yield return "Convex:Worker:Name must not be empty.";
        if (Slots is < 1 or > 256) yield return $"Convex:Worker:Slots must be from 1 to 256, not {Slots}.";
        if (Threads is < 1 or > 1024) yield return $"Convex:Worker:Threads must be from 1 to 1024, not {Threads}.";
        if (Split(Queues).Length == 0) yield return "Convex:Worker:Queues must name at least one queue, such as cpu.";
        if (DeviceList.Count == 0) yield return "Convex:Worker:Devices must name at least one device, such as cpu or cuda:0.";
        if (Niceness is < 0 or > 19) yield return $"Convex:Worker:Niceness must be from 0 to 19, not {Niceness}.";
        if (Lease < TimeSpan.FromSeconds(1)) yield return $"Convex:Worker:Lease must be at least a second, not {Lease}.";
        foreach (var queue in Split(Queues).Where(queue => !IsQueue(queue)))
            yield return $"Convex:Worker:Queues may have small letters, digits, '_' and '-' in a name; got '{queue}'.";
        if (QueueList.Contains(MaintenanceQueue))
            yield return $"Convex:Worker:Queues and :Name may not be '{MaintenanceQueue}', the server's own.";
        if (RetryDelay < TimeSpan.Zero || RetryDelay > TimeSpan.FromMinutes(1))
            yield return $"Convex:Worker:RetryDelay must be from 0 to 60 seconds, not {RetryDelay}.";
        if (PreemptAfter < TimeSpan.Zero || PreemptAfter > TimeSpan.FromDays(1))
            yield return $"Convex:Worker:PreemptAfter must be from 0 seconds to a day, not {PreemptAfter}.";
        if (StopPatience < TimeSpan.Zero || StopPatience > TimeSpan.FromSeconds(20))
            yield return $"Convex:Worker:StopPatience must be from 0 to 20 seconds, not {StopPatience}.";
        if (WishPatience < TimeSpan.Zero || WishPatience > TimeSpan.FromHours(1))
            yield return $"Convex:Worker:WishPatience must be from 0 to 60 minutes, not {WishPatience}.";
        if (CertificateLimit < TimeSpan.FromSeconds(1) || CertificateLimit > TimeSpan.FromDays(1))
            yield return $"Convex:Worker:CertificateLimit must be from a second to a day, not {CertificateLimit}.";
        if (HangLimit < TimeSpan.FromSeconds(5)) yield return $"Convex:Worker:HangLimit must be at least 5 seconds, not {HangLimit}.";
        foreach (var (text, device, megabytes) in DeviceMemoryPairs)
        {
            if (megabytes < 1)
                yield return $"Convex:Worker:DeviceMemory must give MB to devices, such as cpu=16000, cuda:0=24000; got '{text}'.";
            else if (device != "cpu" && !DeviceList.Contains(device))
                yield return $"Convex:Worker:DeviceMemory names {device}, which is not in Convex:Worker:Devices ({Devices}).";
        }
        foreach (var twice in DeviceMemoryPairs.GroupBy(pair => pair.Device).Where(group => group.Count() > 1))
            yield return $"Convex:Worker:DeviceMemory names {twice.Key} twice.";
    }

    /// <summary>
    /// Whether a queue may be called so: what Hangfire takes for a name, no longer than a page can show, and not the server's own queue.
    /// </summary>
    public static bool IsQueue(string name)
        => name != MaintenanceQueue && name.Length is > 0 and <= 40 && name.All(c
            => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '_' or '-');

    private IEnumerable<(string Text, string Device, int Megabytes)> DeviceMemoryPairs => Split(DeviceMemory).Select(text =>
    {
        var parts = text.Split('=', StringSplitOptions.TrimEntries);
        var readable = parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out _);
        return (text, parts[0], readable ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0);
    });

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
