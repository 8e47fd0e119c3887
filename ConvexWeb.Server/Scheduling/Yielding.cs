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
/// <param name="Host">The worker's; null when it is not known any more.</param>
/// <param name="MayYield">It would lose nothing, nobody wishes anything of it, and it has not just begun.</param>
/// <param name="Leaves">It was asked to stop, for whatever reason.</param>
internal sealed record RunningItem(
    long Id, string Worker, string? Host, string Device, int MemoryMb, Priority Priority, DateTimeOffset StartedAt, bool MayYield,
    bool Leaves);

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
        IEnumerable<PressingItem> pressing, IEnumerable<DeviceRoom> open, IEnumerable<RunningItem> running)
    {
        var rooms = new Rooms(open);
        var runs = running.ToList();
        var userRoom = new Dictionary<string, long>();
        var studyRoom = new Dictionary<long, long>();
        var chosen = new List<long>();
        foreach (var item in pressing.OrderByDescending(item => item.Priority)) // and among these in the order that they came in
        {
            if (item.UserRoom is { } most && userRoom.GetValueOrDefault(item.User) >= most) continue;
            if (item is { Study: { } study, StudyRoom: { } free } && studyRoom.GetValueOrDefault(study) >= free) continue;
            if (!Starts(item)) continue;
            userRoom[item.User] = userRoom.GetValueOrDefault(item.User) + 1;
            if (item.Study is { } its) studyRoom[its] = studyRoom.GetValueOrDefault(its) + 1;
        }
        return chosen;

        bool Starts(PressingItem item)
        {
            if (rooms.Find(item.Queue, item.MemoryMb) is { } free)
            {
                rooms.Take(free, item.MemoryMb);
                return true;
            }
            var exits = rooms.All.Where(room => room.Device.Queues.Contains(item.Queue))
                .SelectMany(room => runs.Where(run => MakesRoom(run, room, item)).Select(run => (Room: room, Run: run)))
                .OrderByDescending(exit => exit.Run.Leaves).ThenBy(exit => exit.Run.Priority).ThenByDescending(exit => exit.Run.StartedAt)
                .ToList();
            if (exits.Count == 0) return false;
            var (where, who) = exits[0];
            if (!who.Leaves) chosen.Add(who.Id);
            runs.Remove(who);
            rooms.Leave(who.Worker, who.Host, who.Device, who.MemoryMb);
            rooms.Take(where, item.MemoryMb);
            return true;
        }
    }

    // By its slot, its memory or both: where a device is shared, a run of another worker may be what fills it.
    private static bool MakesRoom(RunningItem run, Rooms.Room room, PressingItem item)
    {
        if (!run.Leaves && !(run.MayYield && item.Priority - run.Priority >= LevelsBetween)) return false;
        if (!Rooms.Shares(room.Device, run.Worker, run.Host, run.Device)) return false;
        var slots = room.Slots + (run.Worker == room.Device.Worker ? 1 : 0);
        return slots > 0 && Math.Max(0, room.FreeMb + run.MemoryMb) >= item.MemoryMb;
    }
}
