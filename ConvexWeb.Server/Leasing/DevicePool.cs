using System.Collections.Concurrent;

namespace ConvexWeb.Server.Leasing;

/// <summary>Which device each slot uses; there are as many as slots, and the devices come round when there are fewer of them.</summary>
public sealed class DevicePool(WorkerSettings settings)
{
    private readonly ConcurrentQueue<string> free =
        new(Enumerable.Range(0, settings.Slots).Select(slot => settings.DeviceList[slot % settings.DeviceList.Count]));

    /// <summary>Null when every slot is taken.</summary>
    public Loan? TryTake() => free.TryDequeue(out var device) ? new(this, device) : null;

    public sealed class Loan(DevicePool pool, string device) : IDisposable
    {
        public string Name => device;

        /// <summary>All of the device's memory; null when it is not known.</summary>
        public int? MemoryMb => null;

        public void Dispose() => pool.free.Enqueue(device);
    }
}
