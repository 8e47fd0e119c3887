namespace ConvexWeb.Server.Leasing;

/// <summary>A device of a worker that takes new items, with what is free there: a row of <see cref="DeviceRooms.Open"/>.</summary>
internal sealed record DeviceRoom
{
    public string Worker { get; init; } = "";

    /// <summary>The machine, which other workers may share.</summary>
    public string Host { get; init; } = "";
    public string[] Queues { get; init; } = [];
    public string Device { get; init; } = "";

    /// <summary>What items may have there together; null when it is not known.</summary>
    public int? Mb { get; init; }

    /// <summary>It is the worker's alone, and not shared with the other workers of the host.</summary>
    public bool Own { get; init; }

    /// <summary>The worker's free slots on this device.</summary>
    public int FreeSlots { get; init; }

    /// <summary>Below zero where more is taken than there is.</summary>
    public long FreeMb { get; init; }
}

/// <summary>
/// What devices have free, in one place: read by the claim, by what makes tickets, by what says why an item waits and when it starts, and
/// by what asks runs to make room. So none of them takes for free what another does not.
/// </summary>
internal static class DeviceRooms
{
    /// <summary>
    /// The most that an item may need to fit into row <c>d</c> of the device rooms. What is not known to need any memory fits anywhere.
    /// </summary>
    public const string Fits = "greatest(d.free_mb, 0)";

    /// <summary>Of worker row <c>w</c>, what its devices are shared by: its machine, whatever name a container on it has.</summary>
    public const string Machine = "coalesce(w.machine, w.host)";

    /// <summary>
    /// Common table expression <c>device_rooms</c>: the given devices with the worker's running <c>items</c> there and <c>free_mb</c>.
    /// What all items on the device need is not free, whichever worker of the host has them; nor is what other programs use, by the
    /// newest figures of the host's living workers. A part of a device that the settings give a worker for itself is taken at its word.
    /// </summary>
    /// <param name="devices">A query of them: worker, host, device, mb and own, and whatever else is to be kept.</param>
    public static string Of(string devices) =>
        $"""
        device_rooms as (
            select d.*, used.items,
                least(coalesce(d.mb, {int.MaxValue})::bigint, case when not d.own then seen.mb end) - used.mb as free_mb
            from ({devices}) d
            cross join lateral (
                select coalesce(sum(i.memory_mb), 0)::bigint as mb, count(*) filter (where i.worker = d.worker) as items
                from work_items i
                where i.state = 'Running' and i.device = d.device and (i.worker = d.worker or not d.own and i.worker in (
                    select w.name from workers w where {Machine} = d.host))) used
            cross join lateral (
                select min((r->>'forTrainersMb')::bigint) as mb
                from workers w cross join lateral jsonb_array_elements(w.devices) r
                where {Machine} = d.host and r->>'name' = d.device and {OpenWorkers.IsAlive}) seen)
        """;

    // A row that names no devices has its slots on the processor.
    private static readonly string OfOpenWorkers =
        $"""
        select w.name as worker, {Machine} as host, string_to_array(w.queues, ', ') as queues, l.name as device, l.mb,
            coalesce(l.own, false) as own,
            coalesce(l.slots, w.slots) as slots
        from workers w cross join lateral jsonb_to_recordset(
            case when w.lends = '[]' then jsonb_build_array(jsonb_build_object('name', 'cpu')) else w.lends end)
            as l(name text, mb int, slots int, own boolean)
        where {OpenWorkers.IsOpen}
        """;

    /// <summary>
    /// Common table expression <c>open_rooms</c>, after the one that it is made of: each device of each worker that takes new items, as
    /// <see cref="DeviceRoom"/> has it, with all of the worker's <c>slots</c> there.
    /// </summary>
    public static readonly string Open =
        $"""
        {Of(OfOpenWorkers)},
        open_rooms as (select d.*, greatest(d.slots - d.items, 0)::int as free_slots from device_rooms d)
        """;

    /// <summary>
    /// Of <see cref="Open"/>, the columns of <see cref="DeviceRoom"/>; workers and their devices always in the same order.
    /// </summary>
    public const string Rows =
        """
        select d.worker, d.host, d.queues, d.device, d.mb, d.own, d.free_slots, d.free_mb from open_rooms d
        order by d.worker, d.device
        """;
}
