namespace ConvexWeb.Tests.EndToEnd;

/// <summary>What may happen to the lab of <see cref="ChaosBench"/>.</summary>
internal enum Fault
{
    TrainerKilled,
    TrainerStopped,
    TrainerStoppedForAMinute,
    TrainerStoppedForGood,
    WorkerKilled,
    WorkerKilledAndAway,
    WorkerStopped,
    WorkerStoppedForAMinute,
    WorkerShutDown,
    WebKilled,
    PostgresCrashed,
    PostgresAwayForLongerThanALease,
    PostgresSilentToAll,
    NetworkCutForASecond,
    NetworkCutForHalfAMinute,
    NetworkCutForTwoMinutes,
    DataDiskFull,
    DatabaseDiskFull,
    TicketsWithoutItems,
    TicketDeliveredAgain,
    RunPausedAndResumed,
    RunCancelledAndRequeued,
}

/// <summary>
/// Which faults a round has: the first by the round's number, so that none is left to chance, and up to two more at random, which take
/// seconds. Of 200 rounds each fault comes first in ten, and the four that take a minute or more in five.
/// </summary>
internal static class ChaosSchedule
{
    private static readonly Fault[] Turns =
    [
        Fault.TrainerKilled, Fault.NetworkCutForASecond, Fault.DataDiskFull, Fault.TicketDeliveredAgain, Fault.WorkerKilledAndAway,
        Fault.NetworkCutForHalfAMinute, Fault.WebKilled, Fault.DatabaseDiskFull, Fault.TrainerStopped,
        Fault.PostgresAwayForLongerThanALease, Fault.TicketsWithoutItems, Fault.WorkerKilled, Fault.PostgresCrashed, Fault.WorkerStopped,
        Fault.WorkerShutDown, Fault.RunPausedAndResumed, Fault.PostgresSilentToAll, Fault.RunCancelledAndRequeued,
    ];

    // Two of them after each turn.
    private static readonly Fault[] Long =
    [
        Fault.WorkerStoppedForAMinute, Fault.NetworkCutForTwoMinutes, Fault.TrainerStoppedForAMinute, Fault.TrainerStoppedForGood,
    ];

    private static readonly Fault[] Quick =
    [
        Fault.TrainerKilled, Fault.TrainerStopped, Fault.WorkerKilled, Fault.WorkerStopped, Fault.WorkerShutDown, Fault.WebKilled,
        Fault.PostgresCrashed, Fault.NetworkCutForASecond, Fault.TicketsWithoutItems, Fault.TicketDeliveredAgain,
        Fault.RunPausedAndResumed, Fault.RunCancelledAndRequeued,
    ];

    private const int Turn = 20;

    public static Fault First(int round)
    {
        var (turn, place) = ((round - 1) / Turn, (round - 1) % Turn);
        return place < Turns.Length ? Turns[place] : Long[((turn * (Turn - Turns.Length)) + place - Turns.Length) % Long.Length];
    }

    public static IReadOnlyList<Fault> More(Random random)
        => [.. Enumerable.Range(0, random.Next(3)).Select(_ => Quick[random.Next(Quick.Length)])];

    /// <summary>Its name as words: <c>worker killed and away</c>.</summary>
    public static string Words(this Fault fault)
        => string.Concat($"{fault}".Select((letter, at)
            => at > 0 && char.IsUpper(letter) ? $" {char.ToLowerInvariant(letter)}" : $"{char.ToLowerInvariant(letter)}"));
}
