namespace ConvexWeb.Server.Leasing;

/// <summary>
/// Devices of workers with what is free there, for a plan that goes on from now: an item that starts takes from them, and one that ends
/// gives back, as <see cref="DeviceRooms"/> counts it.
/// </summary>
internal sealed class Rooms(IEnumerable<DeviceRoom> rooms)
{
    /// <summary>What is free on a device of a worker by now.</summary>
    public sealed class Room(DeviceRoom device)
    {
        public DeviceRoom Device { get; } = device;
        public int Slots { get; internal set; } = device.FreeSlots;
        public long FreeMb { get; internal set; } = device.FreeMb;

        /// <summary>The most that an item may need to fit.</summary>
        public long Fits => Math.Max(0, FreeMb);
    }

    public IReadOnlyList<Room> All { get; } = [.. rooms.Select(room => new Room(room))];

    public bool HasFreeSlot
    {
        get
        {
            foreach (var room in All)
                if (room.Slots > 0) return true;
            return false;
        }
    }

    /// <summary>A device of a worker of the queue with a free slot and the memory; null when there is none.</summary>
    public Room? Find(string queue, int memoryMb)
    {
        foreach (var room in All)
            if (room.Slots > 0 && room.Fits >= memoryMb && room.Device.Queues.Contains(queue)) return room;
        return null;
    }

    /// <summary>The most that an item of the queue may need to start now; null where no slot is free.</summary>
    public long? MostFor(string queue)
    {
        long? most = null;
        foreach (var room in All)
            if (room.Slots > 0 && room.Device.Queues.Contains(queue)) most = Math.Max(most ?? 0, room.Fits);
        return most;
    }

    /// <summary>An item starts there.</summary>
    public void Take(Room room, int memoryMb)
    {
        room.Slots--;
        Give(room.Device.Worker, room.Device.Host, room.Device.Device, -memoryMb);
    }

    /// <summary>An item ends on a device of a worker, which need not be one that takes new items.</summary>
    /// <param name="host">The worker's; null when it is not known any more.</param>
    public void Leave(string worker, string? host, string device, int memoryMb)
    {
        foreach (var room in All)
            if (room.Device.Worker == worker && room.Device.Device == device) room.Slots++;
        Give(worker, host, device, memoryMb);
    }

    /// <summary>Whether memory that an item has on a device of a worker is missing here.</summary>
    public static bool Shares(DeviceRoom room, string worker, string? host, string device)
        => room.Device == device && (room.Worker == worker || !room.Own && room.Host == host);

    private void Give(string worker, string? host, string device, long memoryMb)
    {
        foreach (var room in All)
            if (Shares(room.Device, worker, host, device)) room.FreeMb += memoryMb;
    }
}
