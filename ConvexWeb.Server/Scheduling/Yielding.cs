using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Leasing;

namespace ConvexWeb.Server.Scheduling;

/// <summary>An item of level high or urgent that may go and has waited some seconds.</summary>
/// <param name="UserRoom">How many more of its user's may run; null: any number.</param>
/// <param name="Study">Of a run; a certificate counts for no study.</param>
/// <param name="StudyRoom">How many more of its study's may run; null: any number.</param>
internal sealed record PressingItem(
    long Id, string Queue, Priority Priority, int MemoryMb, string User, long? UserRoom, long? Study, long? StudyRoom);

/// <summary>An item that runs.</summary>
/// <param name="MayYield">It would lose nothing, nobody wishes anything of it, and it has not just begun.</param>
/// <param name="Leaves">It was asked to stop, for whatever reason.</param>
internal sealed record RunningItem(
    long Id, string Worker, string Device, int MemoryMb, Priority Priority, DateTimeOffset StartedAt, bool MayYield, bool Leaves);

/// <summary>A worker that takes new items.</summary>
internal sealed record OpenWorker(string Name, IReadOnlyList<string> Queues, int Slots, IReadOnlyList<LentDevice> Devices);

/// <summary>Which runs make room for items that press.</summary>
internal static class Yielding
{
    private const int LevelsBetween = 2;

    /// <summary>
    /// Each pressing item in turn, the highest first, gets what is free, or what will be because somebody was asked to leave already; else
    /// one run yields that is at least two levels lower, where that makes enough room: the lowest, of those the one that began last.
    /// </summary>
    /// <returns>Ids of the runs to ask.</returns>
    public static IReadOnlyList<long> Choose(
        IEnumerable<PressingItem> pressing, IReadOnlyCollection<OpenWorker> workers, IReadOnlyCollection<RunningItem> running)
    {
        var places = workers.SelectMany(worker => Place.Of(worker, running)).ToList();
        var userRoom = new Dictionary<string, long>();
        var studyRoom = new Dictionary<long, long>();
        var chosen = new List<long>();
        foreach (var item in pressing.OrderByDescending(item => item.Priority).ThenBy(item => item.Id))
        {
            if (item.UserRoom is { } most && userRoom.GetValueOrDefault(item.User) >= most) continue;
            if (item is { Study: { } study, StudyRoom: { } runs } && studyRoom.GetValueOrDefault(study) >= runs) continue;
            if (!Starts(item)) continue;
            userRoom[item.User] = userRoom.GetValueOrDefault(item.User) + 1;
            if (item.Study is { } its) studyRoom[its] = studyRoom.GetValueOrDefault(its) + 1;
        }
        return chosen;

        bool Starts(PressingItem item)
        {
            var reachable = places.Where(place => place.Queues.Contains(item.Queue)).ToList();
            if (reachable.Find(place => place.Slots > 0 && place.FreeMb >= item.MemoryMb) is { } free)
            {
                free.Take(item.MemoryMb);
                return true;
            }
            var exits = reachable.SelectMany(place => place.Items.Select(run => (Place: place, Run: run)))
                .Where(exit => exit.Place.FreeMb + exit.Run.MemoryMb >= item.MemoryMb
                    && (exit.Run.Leaves || exit.Run.MayYield && item.Priority - exit.Run.Priority >= LevelsBetween))
                .OrderByDescending(exit => exit.Run.Leaves).ThenBy(exit => exit.Run.Priority).ThenByDescending(exit => exit.Run.StartedAt)
                .ToList();
            if (exits.Count == 0) return false;
            var (where, who) = exits[0];
            if (!who.Leaves) chosen.Add(who.Id);
            where.Replace(who, item.MemoryMb);
            return true;
        }
    }

    /// <summary>A device of a worker, with what will be free there.</summary>
    private sealed class Place(IReadOnlyList<string> queues, int slots, long freeMb, List<RunningItem> items)
    {
        public IReadOnlyList<string> Queues => queues;
        public int Slots { get; private set; } = slots;
        public long FreeMb { get; private set; } = freeMb;
        public IReadOnlyList<RunningItem> Items => items;

        // Slots go round the devices (DevicePool).
        public static IEnumerable<Place> Of(OpenWorker worker, IReadOnlyCollection<RunningItem> running)
            => worker.Devices.Select((device, index) =>
            {
                var items = running.Where(item => item.Worker == worker.Name && item.Device == device.Name).ToList();
                var slots = worker.Slots / worker.Devices.Count + (index < worker.Slots % worker.Devices.Count ? 1 : 0);
                return new Place(worker.Queues, slots - items.Count, (device.Mb ?? int.MaxValue) - items.Sum(item
                    => (long)item.MemoryMb), items);
            });

        public void Take(int memoryMb)
        {
            Slots--;
            FreeMb -= memoryMb;
        }

        public void Replace(RunningItem leaves, int memoryMb)
        {
            items.Remove(leaves);
            FreeMb += leaves.MemoryMb - memoryMb;
        }
    }
}
