using System.Collections.Concurrent;
using System.Text.Json;
using ConvexWeb.Server.Hosts;

namespace ConvexWeb.Server.Leasing;

/// <summary>A device as the row of its worker names it (<see cref="DeviceRooms"/> reads it).</summary>
/// <param name="Mb">What items may have on it together; null when it is not known.</param>
/// <param name="Slots">How many of the worker's slots use it.</param>
/// <param name="Own">
/// The settings give the worker this part of the device for itself. Else it shares the device with the other workers of its host.
/// </param>
public sealed record LentDevice(string Name, int? Mb, int Slots, bool Own);

/// <summary>
/// Which device each slot uses; there are as many as slots, and the devices come round when there are fewer of them. How many items a
/// device takes at once is decided by its memory as well.
/// </summary>
public sealed class DevicePool
{
    // The host keeps some for itself, and a driver some of its device.
    private const double UsableShare = 0.9;

    private readonly ConcurrentQueue<string> free;
    private readonly IReadOnlyDictionary<string, LentDevice> lent;

    public DevicePool(WorkerSettings settings, HostProbe probe)
    {
        free = new(Enumerable.Range(0, settings.Slots).Select(slot => settings.DeviceList[slot % settings.DeviceList.Count]));
        lent = probe.Read(settings.DeviceList, settings.DeviceMemoryMb, "", null).Devices
            .Where(device => settings.DeviceList.Contains(device.Name))
            .Select(device => settings.DeviceMemoryMb.TryGetValue(device.Name, out var given)
                ? new LentDevice(device.Name, given, SlotsOf(device.Name), Own: true)
                : new LentDevice(device.Name, Usable(device.MemoryTotalMb), SlotsOf(device.Name), Own: false))
            .ToDictionary(device => device.Name);

        int SlotsOf(string device) => free.Count(name => name == device);
    }

    /// <summary>Each device with what items may have on it together, as the worker's row tells it: JSON.</summary>
    public string Lends => JsonSerializer.Serialize(lent.Values, JsonSerializerOptions.Web);

    /// <summary>Of a device's memory, what items may have together; null when it is not known.</summary>
    private static int? Usable(int? total) => total is > 0 and var all ? (int)(UsableShare * all) : null;

    /// <summary>Null when every slot is taken.</summary>
    public Loan? TryTake() => free.TryDequeue(out var device) ? new(this, device) : null;

    public sealed class Loan(DevicePool pool, string device) : IDisposable
    {
        public string Name => device;

        /// <summary>What items may have on it together; null when it is not known.</summary>
        public int? MemoryMb => pool.lent.GetValueOrDefault(device)?.Mb;

        public void Dispose() => pool.free.Enqueue(device);
    }
}
