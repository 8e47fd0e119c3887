using System.Collections.Concurrent;

namespace ConvexWeb.Server.Workers;

/// <summary>Which device each slot uses; there are as many as slots, and the devices come round when there are fewer of them.</summary>
public sealed class DevicePool(WorkerSettings settings)
{
    private readonly ConcurrentQueue<string> free =
        new(Enumerable.Range(0, settings.Slots).Select(slot => settings.DeviceList[slot % settings.DeviceList.Count]));

    public Loan Take() => new(this, free.TryDequeue(out var device) ? device : settings.DeviceList[0]);

    public readonly struct Loan(DevicePool pool, string device) : IDisposable
    {
        public string Device => device;

        public void Dispose() => pool.free.Enqueue(device);
    }
}
