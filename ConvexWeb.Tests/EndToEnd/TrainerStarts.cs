using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using ConvexWeb.Server.Hosts;

namespace ConvexWeb.Tests.EndToEnd;

/// <summary>
/// When the trainers' processes of some workers started, as the kernel has it: the name of a trainer's file in its worker's register has
/// the start in it. To look for the processes themselves would take the cores from what is measured.
/// </summary>
internal sealed class TrainerStarts : IDisposable
{
    private readonly ConcurrentDictionary<string, byte> files = new();
    private readonly List<FileSystemWatcher> watchers = [];

    /// <param name="workers">Names, of which none has started.</param>
    public TrainerStarts(string dataFolder, IEnumerable<string> workers)
    {
        foreach (var worker in workers)
        {
            var register = Path.Combine(dataFolder, "workers", worker, "trainers");
            Directory.CreateDirectory(register);
            var watcher = new FileSystemWatcher(register, "*.json") { NotifyFilter = NotifyFilters.FileName };
            watcher.Created += Take;
            watcher.Renamed += Take;
            watcher.EnableRaisingEvents = true;
            watchers.Add(watcher);
        }

        void Take(object sender, FileSystemEventArgs file) => files.TryAdd(file.Name!, 0);
    }

    /// <summary>In their order, each up to 10 ms early: the kernel counts in such ticks.</summary>
    public IReadOnlyList<DateTime> All
    {
        get
        {
            // The ticks count from a moment that this process's own start tells.
            using var own = Process.GetCurrentProcess();
            var zero = own.StartTime.ToUniversalTime() - Ticks(ProcessStat.Of(own.Id)!.Started);
            return [.. files.Keys.Select(name => zero + Ticks(StartIn(name))).Order()];
        }
    }

    public void Dispose()
    {
        foreach (var watcher in watchers) watcher.Dispose();
    }

    // "process-start.json"
    private static long StartIn(string file)
        => long.Parse(Path.GetFileNameWithoutExtension(file).Split('-')[1], CultureInfo.InvariantCulture);

    private static TimeSpan Ticks(long count) => TimeSpan.FromSeconds(count / (double)ProcessStat.TicksPerSecond);
}
