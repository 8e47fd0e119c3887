using System.Collections.Concurrent;
using System.Text.Json;
using ConvexWeb.Server.Hosts;

namespace ConvexWeb.Server.Leasing;

/// <summary>A device as the row of its worker names it.</summary>
/// <param name="Mb">What items may have on it together; null when it is not known.</param>
public sealed record LentDevice(string Name, int? Mb);

/// <summary>
/// Which device each slot uses; there are as many as slots, and the devices come round when there are fewer of them. How many items a
/// device takes at once is decided by its memory as well.
/// </summary>
public sealed class DevicePool
{
    // The host keeps some for itself, and a driver some of its device.
    private const double UsableShare = 0.9;

    private readonly ConcurrentQueue<string> free;
    private readonly IReadOnlyDictionary<string, int?> memory;

    public DevicePool(WorkerSettings settings, HostProbe probe)
    {
        free = new(Enumerable.Range(0, settings.Slots).Select(slot => settings.DeviceList[slot % settings.DeviceList.Count]));
        memory = probe.Read(settings.DeviceList, settings.DeviceMemoryMb, "", null).Devices
            .Where(device => settings.DeviceList.Contains(device.Name)).ToDictionary(
            device => device.Name,
            device => settings.DeviceMemoryMb.TryGetValue(device.Name, out var given) ? given : Usable(device.MemoryTotalMb));
    }

    /// <summary>Each device with what items may have on it together, as the worker's row tells it: JSON.</summary>
    public string Lends => JsonSerializer.Serialize(
        memory.Select(device => new LentDevice(device.Key, device.Value)), JsonSerializerOptions.Web);

    /// <summary>Of a device's memory, what items may have together; null when it is not known.</summary>
    private static int? Usable(int? total) => total is > 0 and var all ? (int)(UsableShare * all) : null;

    /// <summary>Null when every slot is taken.</summary>
    public Loan? TryTake() => free.TryDequeue(out var device) ? new(this, device) : null;

    public sealed class Loan(DevicePool pool, string device) : IDisposable
    {
        public string Name => device;

        /// <summary>What items may have on it together; null when it is not known.</summary>
        public int? MemoryMb => pool.memory.GetValueOrDefault(device);

        public void Dispose() => pool.free.Enqueue(device);
    }
}
