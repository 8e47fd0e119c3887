namespace ConvexWeb.Server.Leasing;

/// <summary>An item that waits, as far as its turn depends on it.</summary>
internal sealed record QueuedWork
{
    public long Id { get; init; }
    public long RunId { get; init; }

    /// <summary>It trains the run, and is not about it.</summary>
    public bool Trains { get; init; }
    public string Queue { get; init; } = "";
    public string CreatedBy { get; init; } = "";
    public int Priority { get; init; }
    public bool Recovered { get; init; }

    /// <summary>It never ran: when it starts, its user has had a turn.</summary>
    public bool IsNew { get; init; }
    public int MemoryMb { get; init; }

    /// <summary>Of a run; a certificate counts for no study.</summary>
    public long? Study { get; init; }

    /// <summary>Seconds until it may be tried again; null: it may start now.</summary>
    public double? Delay { get; init; }

    /// <summary>How long it will take; null: not known.</summary>
    public double? Seconds { get; init; }
}

/// <summary>An item that runs.</summary>
/// <param name="Host">The worker's; null when it is not known any more.</param>
/// <param name="Study">Of a run; a certificate counts for no study.</param>
/// <param name="Seconds">How long it will take yet; null: not known.</param>
internal sealed record RunningWork(
    string Worker, string? Host, string Device, string CreatedBy, long? Study, int MemoryMb, double? Seconds);

/// <summary>A user who has items waiting: weight, how many run, when the last new one began, and how many may run at once.</summary>
internal sealed record QueueUser(string CreatedBy, double Weight, long Running, DateTimeOffset? Served, int? Most);

/// <summary>What the lab's next claims depend on.</summary>
/// <param name="Running">In the order in which they began.</param>
/// <param name="StudyLimits">Study → how many of its runs may run at once; only those with a limit.</param>
/// <param name="IsClosed">For maintenance: nothing starts.</param>
internal sealed record QueueState(
    IReadOnlyCollection<QueuedWork> Waiting, IReadOnlyCollection<RunningWork> Running, IReadOnlyCollection<QueueUser> Users,
    IReadOnlyDictionary<long, int> StudyLimits, IReadOnlyCollection<DeviceRoom> Rooms, bool IsClosed = false);

/// <summary>An item whose turn it is.</summary>
/// <param name="Seconds">From now; null: not known, or as things are it cannot start.</param>
internal readonly record struct Turn(QueuedWork Item, double? Seconds);

/// <summary>
/// In which order items will start, and when: the claims of all slots of all workers, as <see cref="ClaimOrder"/> and
/// <see cref="DeviceRooms"/> would decide them one after the other, each item ending when runs like it have ended. A test holds it
/// together with real claims. What is submitted, cancelled or asked to make room meanwhile changes it: an expectation, not a promise.
/// </summary>
internal static class QueueSimulation
{
    /// <returns>
    /// Every item, in the order of the starts. Where the next slot comes free by the end of an item of unknown length, the
    /// one that began first is taken to end first, and from there on no time is given. Behind them is what cannot start as things are (no
    /// worker, too little memory on every device, maintenance), as the policy would order it.
    /// </returns>
    public static IEnumerable<Turn> Of(QueueState state)
    {
        var lab = new Lab(state);
        if (!state.IsClosed)
        {
            do
            {
                while (lab.Claim() is { } started) yield return started;
            }
            while (lab.HasWaiting && lab.Advance());
        }
        lab.AddDelayed();
        while (lab.Skip() is { } left) yield return left;
    }

    /// <summary>Items of a user that are alike for every limit, the best in front: all of them may start, or none.</summary>
    private sealed class Lane(string queue, long? study, int memoryMb)
    {
        public string Queue => queue;
        public long? Study => study;
        public int MemoryMb => memoryMb;
        public SortedSet<QueuedWork> Items { get; } = new(Comparer<QueuedWork>.Create(Compare));
        public QueuedWork First => Items.Min!;

        public static int Compare(QueuedWork one, QueuedWork other)
            => one.Priority != other.Priority ? other.Priority.CompareTo(one.Priority)
            : one.Recovered != other.Recovered ? other.Recovered.CompareTo(one.Recovered)
            : one.Id.CompareTo(other.Id);
    }

    /// <summary>What waits of one user, and the user's share.</summary>
    private sealed class Line(QueueUser user)
    {
        private readonly Dictionary<(string Queue, long? Study, int MemoryMb), Lane> lanes = [];
        private readonly SortedSet<Lane> order = new(Comparer<Lane>.Create((one, other) => Lane.Compare(one.First, other.First)));

        // Who never had a turn comes before all who had; of the others a turn in the simulation is after all that were.
        private long served = user.Served?.UtcTicks ?? long.MinValue;

        public long Running { get; set; } = user.Running;
        public int? Most { get; } = user.Most;
        public double Weight { get; } = user.Weight;
        public bool IsFull => Running >= Most;

        public void Add(QueuedWork item)
        {
            var key = (item.Queue, item.Study, item.MemoryMb);
            if (!lanes.TryGetValue(key, out var lane)) lanes[key] = lane = new(item.Queue, item.Study, item.MemoryMb);
            if (lane.Items.Count > 0) order.Remove(lane); // its place is by its first item
            lane.Items.Add(item);
            order.Add(lane);
        }

        /// <summary>The lane of the best item among those that may start.</summary>
        public Lane? Best(Func<Lane, bool> mayStart)
        {
            foreach (var lane in order)
                if (mayStart(lane)) return lane;
            return null;
        }

        public QueuedWork Take(Lane lane, long turn)
        {
            var item = lane.First;
            order.Remove(lane);
            lane.Items.Remove(item);
            if (lane.Items.Count > 0) order.Add(lane);
            Running++;
            if (item.IsNew) served = DateTimeOffset.MaxValue.UtcTicks + turn;
            return item;
        }

        /// <summary>As <see cref="ClaimOrder.Next"/> compares each user's best.</summary>
        public bool GoesBefore(QueuedWork mine, Line other, QueuedWork theirs)
        {
            if (mine.Priority != theirs.Priority) return mine.Priority > theirs.Priority;
            if (mine.Recovered != theirs.Recovered) return mine.Recovered;
            var (share, others) = (Running / Weight, other.Running / other.Weight);
            if (!share.Equals(others)) return share < others;
            if (served != other.served) return served < other.served;
            return mine.Id < theirs.Id;
        }
    }

    private sealed class Lab
    {
        private readonly Dictionary<string, Line> lines;
        private readonly IReadOnlyDictionary<long, int> studyLimits;
        private readonly Dictionary<long, int> studyRunning = [];
        private readonly Rooms rooms;
        private readonly PriorityQueue<RunningWork, (double At, int Order)> ends = new();
        private readonly Queue<RunningWork> endless = new();
        private readonly PriorityQueue<QueuedWork, (double At, long Id)> delayed = new();
        private double now;
        private bool isKnown = true;
        private int waiting;
        private int begun;
        private long turn;

        public Lab(QueueState state)
        {
            lines = state.Users.ToDictionary(user => user.CreatedBy, user => new Line(user), StringComparer.Ordinal);
            studyLimits = state.StudyLimits;
            rooms = new(state.Rooms);
            foreach (var item in state.Waiting)
            {
                if (item.Delay is > 0 and var seconds) delayed.Enqueue(item, (seconds, item.Id));
                else Add(item);
            }
            foreach (var item in state.Running) Run(item);
        }

        public bool HasWaiting => waiting > 0 || delayed.Count > 0;

        /// <summary>The next item takes a slot, if there is one that may.</summary>
        public Turn? Claim()
        {
            if (!rooms.HasFreeSlot) return null;

            // What each queue can start at most; the first of its lanes that is looked at finds it out.
            var most = new Dictionary<string, long?>(StringComparer.Ordinal);
            if (Next(line => !line.IsFull, MayStart) is not { } next) return null;
            var item = Take(next.Line, next.Lane);
            var room = rooms.Find(item.Queue, item.MemoryMb)!;
            rooms.Take(room, item.MemoryMb);
            Run(new(
                room.Device.Worker, room.Device.Host, room.Device.Device, item.CreatedBy, item.Study, item.MemoryMb, item.Seconds));
            return new Turn(item, isKnown ? now : null);

            bool MayStart(Lane lane)
            {
                if (!most.TryGetValue(lane.Queue, out var free)) most[lane.Queue] = free = rooms.MostFor(lane.Queue);
                return lane.MemoryMb <= free && !(lane.Study is { } study && studyLimits.TryGetValue(study, out var limit)
                    && studyRunning.GetValueOrDefault(study) >= limit);
            }
        }

        /// <summary>The next item, whatever keeps it from starting; its user's share counts it as running.</summary>
        public Turn? Skip() => Next(_ => true, _ => true) is { } next ? new Turn(Take(next.Line, next.Lane), null) : null;

        /// <summary>To the next moment at which something else may start.</summary>
        /// <returns>False: there is none.</returns>
        public bool Advance()
        {
            var end = ends.TryPeek(out var next, out var until) ? until.At : double.PositiveInfinity;
            if (delayed.TryPeek(out var item, out var retry) && retry.At <= end)
            {
                delayed.Dequeue();
                now = Math.Max(now, retry.At);
                Add(item);
                return true;
            }
            if (next is not null)
            {
                ends.Dequeue();
                now = end;
                End(next);
                return true;
            }
            if (!endless.TryDequeue(out var unknown)) return false;
            isKnown = false;
            End(unknown);
            return true;
        }

        public void AddDelayed()
        {
            while (delayed.TryDequeue(out var item, out _)) Add(item);
        }

        private void Add(QueuedWork item)
        {
            lines[item.CreatedBy].Add(item);
            waiting++;
        }

        private QueuedWork Take(Line line, Lane lane)
        {
            waiting--;
            return line.Take(lane, ++turn);
        }

        // The user's share counts it already.
        private void Run(RunningWork item)
        {
            if (item.Study is { } study) studyRunning[study] = studyRunning.GetValueOrDefault(study) + 1;
            if (item.Seconds is { } seconds) ends.Enqueue(item, (now + Math.Max(0, seconds), begun++));
            else endless.Enqueue(item);
        }

        private void End(RunningWork item)
        {
            rooms.Leave(item.Worker, item.Host, item.Device, item.MemoryMb);
            if (lines.TryGetValue(item.CreatedBy, out var line)) line.Running--;
            if (item.Study is { } study) studyRunning[study]--;
        }

        private (Line Line, Lane Lane)? Next(Func<Line, bool> counts, Func<Lane, bool> mayStart)
        {
            (Line Line, Lane Lane)? best = null;
            foreach (var line in lines.Values)
            {
                if (!counts(line) || line.Best(mayStart) is not { } lane) continue;
                if (best is not { } first || line.GoesBefore(lane.First, first.Line, first.Lane.First)) best = (line, lane);
            }
            return best;
        }
    }
}
