using System.Globalization;

namespace ConvexWeb.Server.Hosts;

/// <summary>
/// Reads what a host has and uses: the machine, or the part of it that a container may use, as the device <c>cpu</c>; NVIDIA's devices.
/// </summary>
/// <param name="root">Where proc and sys are; / but in tests.</param>
public sealed class HostProbe(Nvml nvml, TimeProvider time, string root = "/")
{
    // Drivers of the sensors in processors, and the kernel's names of their zones.
    private static readonly string[] Sensors = ["coretemp", "k10temp", "zenpower", "cpu_thermal"];
    private static readonly string[] Zones = ["x86_pkg_temp", "cpu-thermal", "cpu_thermal"];

    /// <summary>
    /// The argument by which trainers that workers started are known among all processes, whichever worker of the host it was: a training
    /// that a person starts by hand does not have it.
    /// </summary>
    public const string TrainerArgument = "--stop-on-eof";

    private readonly ControlGroup group = new(root);
    private readonly Lock reading = new();
    private (long Busy, long All)? last;

    /// <param name="devices">Devices of the worker; the processor is reported with them in any case.</param>
    /// <param name="memory">What the worker's settings say a device has, in MB, in place of what is read.</param>
    public HostReport Read(IReadOnlyList<string> devices, IReadOnlyDictionary<string, int> memory, string version, string? libtorch)
    {
        // Before the memory is read: of a trainer that ends in between, what it gave back must not count as another program's.
        var trainers = Trainers();
        var (total, used) = Memory();
        var share = Share();
        var cpu = new DeviceReport("cpu", Model(), total, used, share * 100, Temperature(), Power: null);
        var others = devices.Distinct().Where(name => name != "cpu")
            .Select(name => nvml.Read(name) ?? new DeviceReport(name, null, null, null, null, null, null));
        var all = others.Prepend(cpu).Select(device => device with
        {
            MemoryTotalMb = memory.TryGetValue(device.Name, out var given) ? given : device.MemoryTotalMb,
            ForTrainersMb = ForTrainers(device, trainers),
        });
        return new(
            version, libtorch, Environment.Version.ToString(), nvml.Driver, Environment.ProcessorCount, total, used, share, Load(),
            [.. all]);
    }

    /// <param name="MemoryMb">Of the host; null when it has just ended.</param>
    private sealed record Trainer(int Id, string Device, int? MemoryMb);

    // One without a device, which makes a certificate, computes on the processor.
    private List<Trainer> Trainers()
    {
        var found = new List<Trainer>();
        foreach (var folder in SystemFile.Folders(At("proc")))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var id)) continue;
            var line = SystemFile.Read(Path.Combine(folder, "cmdline"))?.Split('\0') ?? [];
            if (!line.Contains(TrainerArgument)) continue;
            var place = Array.IndexOf(line, "--device") + 1;

            // Without the pages of files that it has mapped, libtorch's among them: those count as available.
            var status = Path.Combine(folder, "status");
            var kilobytes = SystemFile.Number(status, "RssAnon") + (SystemFile.Number(status, "RssShmem") ?? 0);
            found.Add(new(id, place > 0 && place < line.Length ? line[place] : "cpu", (int?)(kilobytes >> 10)));
        }
        return found;
    }

    private int? ForTrainers(DeviceReport device, List<Trainer> trainers)
    {
        if (device is not { MemoryTotalMb: > 0 and var total, MemoryUsedMb: { } used }) return null;
        var theirs = 0;
        foreach (var trainer in trainers.Where(trainer => trainer.Device == device.Name))
        {
            if (device.Name == "cpu") theirs += trainer.MemoryMb ?? 0;
            else if (nvml.UsedBy(trainer.Id, device.Name) is { } memory) theirs += memory;
            else return null; // a driver in a container does not say, or the trainer has not reached its device yet
        }
        return Math.Clamp(total - used + theirs, 0, total);
    }

    private (int Total, int Used) Memory()
    {
        var file = At("proc/meminfo");
        var all = (SystemFile.Number(file, "MemTotal") ?? 0) << 10;
        var used = Math.Max(0, all - ((SystemFile.Number(file, "MemAvailable") ?? 0) << 10));
        return group.Memory() is { } limited && (all == 0 || limited.Limit < all)
            ? ((int)(limited.Limit >> 20), (int)(limited.Used >> 20))
            : ((int)(all >> 20), (int)(used >> 20));
    }

    // Since the last reading; null at the first one.
    private double? Share()
    {
        lock (reading)
        {
            var now = Clock();
            var before = last;
            last = now;
            if (now is not { } current || before is not { } earlier || current.All <= earlier.All) return null;
            return Math.Clamp((double)(current.Busy - earlier.Busy) / (current.All - earlier.All), 0, 1);
        }
    }

    private (long Busy, long All)? Clock()
    {
        if (group.Processor() is { } limited)
            return (limited.Used, (long)(time.GetElapsedTime(0).TotalMicroseconds * limited.Processors));
        if (SystemFile.Lines(At("proc/stat")).FirstOrDefault() is not { } line) return null;

        // user nice system idle iowait irq softirq steal; guests are in user already.
        var ticks = line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8)
            .Select(text => long.TryParse(text, CultureInfo.InvariantCulture, out var number) ? number : 0).ToList();
        return ticks.Count < 5 ? null : (ticks.Sum() - ticks[3] - ticks[4], ticks.Sum());
    }

    private double? Load()
        => double.TryParse(SystemFile.Read(At("proc/loadavg"))?.Split(' ')[0], CultureInfo.InvariantCulture, out var load) ? load : null;

    private string? Model() => SystemFile.Lines(At("proc/cpuinfo"))
        .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[^1].Trim();

    private double? Temperature()
    {
        foreach (var folder in SystemFile.Folders(At("sys/class/hwmon")))
        {
            if (!Sensors.Contains(SystemFile.Read(Path.Combine(folder, "name"))?.Trim())) continue;
            if (SystemFile.Number(Path.Combine(folder, "temp1_input")) is { } thousandths) return thousandths / 1000.0;
        }
        foreach (var folder in SystemFile.Folders(At("sys/class/thermal")))
        {
            if (!Zones.Contains(SystemFile.Read(Path.Combine(folder, "type"))?.Trim())) continue;
            if (SystemFile.Number(Path.Combine(folder, "temp")) is { } thousandths) return thousandths / 1000.0;
        }
        return null;
    }

    private string At(string path) => Path.Combine(root, path);
}
