namespace ConvexWeb.Server.Hosts;

/// <summary>What a worker says of its host: what runs there, and what it has at the moment.</summary>
/// <param name="Libtorch">Version and kind of the trainer's libtorch, such as <c>2.10.0 cpu</c>; null when it is not ours.</param>
/// <param name="Driver">NVIDIA's; null without one.</param>
/// <param name="Cores">Processors that this process may use.</param>
/// <param name="CpuShare">Share of them in use since the last report, from 0 to 1.</param>
/// <param name="Load">Of the last minute, by /proc/loadavg.</param>
public sealed record HostReport(
    string ProductVersion, string? Libtorch, string DotNet, string? Driver, int Cores, int MemoryTotalMb, int MemoryUsedMb,
    double? CpuShare, double? Load, IReadOnlyList<DeviceReport> Devices);

/// <summary>A device that trainings run on; a figure that cannot be read is null.</summary>
/// <param name="Name"><c>cpu</c>, <c>cuda:0</c>, …</param>
/// <param name="Utilisation">In percent.</param>
/// <param name="Temperature">In degrees Celsius.</param>
/// <param name="Power">In watts.</param>
public sealed record DeviceReport(
    string Name, string? Model, int? MemoryTotalMb, int? MemoryUsedMb, double? Utilisation, double? Temperature, double? Power)
{
    /// <summary>
    /// What trainers of workers may have there together: all that the device has, without what other programs use at the moment. Null
    /// where it cannot be told whose memory is whose.
    /// </summary>
    public int? ForTrainersMb { get; init; }
}
