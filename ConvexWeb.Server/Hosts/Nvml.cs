using System.Runtime.InteropServices;
using System.Text;

namespace ConvexWeb.Server.Hosts;

/// <summary>
/// NVIDIA's management library, as far as a worker reports it. Where the library, a driver, a device or a figure is missing there is no
/// figure; nothing here throws. Signatures and layouts are those of nvml.h (CUDA 13; these have not changed since driver 510).
/// </summary>
public sealed class Nvml : IDisposable
{
    public const string Library = "libnvidia-ml.so.1";

    // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE and NVML_DEVICE_NAME_V2_BUFFER_SIZE.
    private const int DriverLength = 80, NameLength = 96;
    private const int Success = 0, TemperatureOfGpu = 0;
    private const int MostProcesses = 256;

    private readonly nint library;
    private readonly string? visible;

    private delegate int Plain();
    private delegate int TextCall([Out] byte[] text, uint length);
    private delegate int NumberCall(out uint number);
    private delegate int HandleByIndex(uint index, out nint device);
    private delegate int HandleByUuid(byte[] uuid, out nint device);
    private delegate int DeviceText(nint device, [Out] byte[] text, uint length);
    private delegate int DeviceMemory(nint device, out Memory memory);
    private delegate int DeviceUtilisation(nint device, out Utilisation utilisation);
    private delegate int DeviceSensor(nint device, int sensor, out uint value);
    private delegate int DeviceNumber(nint device, out uint value);
    private delegate int DeviceProcesses(nint device, ref uint count, [Out] ProcessUse[] processes);

    /// <summary>nvmlMemory_t, in bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Memory
    {
        public ulong Total, Free, Used;
    }

    /// <summary>nvmlUtilization_t, in percent: of time with a kernel at work, and with memory being read or written.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Utilisation
    {
        public uint Gpu, Memory;
    }

    /// <summary>nvmlProcessInfo_t.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ProcessUse
    {
        public uint Id;
        public ulong Memory;
        public uint GpuInstance, ComputeInstance;
    }

    /// <param name="file">The library.</param>
    /// <param name="visible">CUDA_VISIBLE_DEVICES as trainers have it.</param>
    public Nvml(string file, string? visible)
    {
        this.visible = visible;
        if (!NativeLibrary.TryLoad(file, out library)) return;
        if (Find<Plain>("nvmlInit_v2") is not { } begin || begin() != Success)
        {
            NativeLibrary.Free(library);
            library = 0;
        }
    }

    public static Nvml Open() => new(Library, Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES"));

    /// <summary>Version of the driver; null without one.</summary>
    public string? Driver
    {
        get
        {
            var text = new byte[DriverLength];
            return Find<TextCall>("nvmlSystemGetDriverVersion") is { } call && call(text, DriverLength) == Success ? Text(text) : null;
        }
    }

    public int Count => Find<NumberCall>("nvmlDeviceGetCount_v2") is { } call && call(out var count) == Success ? (int)count : 0;

    /// <param name="name"><c>cuda</c> or <c>cuda:N</c>, numbered as trainers do.</param>
    /// <returns>Null when there is no such device.</returns>
    public DeviceReport? Read(string name)
    {
        if (Handle(name) is not { } device) return null;
        var text = new byte[NameLength];
        var memory = Find<DeviceMemory>("nvmlDeviceGetMemoryInfo") is { } size && size(device, out var bytes) == Success
            ? bytes : (Memory?)null;
        return new(
            name,
            Find<DeviceText>("nvmlDeviceGetName") is { } call && call(device, text, NameLength) == Success ? Text(text) : null,
            Megabytes(memory?.Total),
            Megabytes(memory?.Used),
            Find<DeviceUtilisation>("nvmlDeviceGetUtilizationRates") is { } rates && rates(device, out var rate) == Success
                ? rate.Gpu : null,
            Find<DeviceSensor>("nvmlDeviceGetTemperature") is { } sensor && sensor(device, TemperatureOfGpu, out var degrees) == Success
                ? degrees : null,
            Find<DeviceNumber>("nvmlDeviceGetPowerUsage") is { } power && power(device, out var milliwatts) == Success
                ? milliwatts / 1000.0 : null);
    }

    /// <summary>
    /// Memory of a process on a device; null when the driver does not tell. In a container it may not, since it knows processes by the
    /// host's ids.
    /// </summary>
    public int? UsedBy(int process, string name)
    {
        if (Handle(name) is not { } device) return null;
        if (Find<DeviceProcesses>("nvmlDeviceGetComputeRunningProcesses_v3") is not { } call) return null;
        var uses = new ProcessUse[MostProcesses];
        var count = (uint)uses.Length;
        if (call(device, ref count, uses) != Success) return null;
        foreach (var use in uses.AsSpan(0, (int)Math.Min(count, MostProcesses)))
            if (use.Id == process && use.Memory != ulong.MaxValue) return Megabytes(use.Memory); // NVML_VALUE_NOT_AVAILABLE is -1
        return null;
    }

    public void Dispose()
    {
        // The library stays loaded: a reading on another thread then finds it shut down, and not gone.
        if (Find<Plain>("nvmlShutdown") is { } end) end();
    }

    // CUDA counts the devices that it may see. NVML counts all, by their place on the bus, and so do our trainers (TrainerCommand).
    private nint? Handle(string name)
    {
        if (library == 0 || NumberOf(name) is not { } number) return null;
        if (string.IsNullOrWhiteSpace(visible)) return ByIndex(number);
        var seen = visible.Split(',', StringSplitOptions.TrimEntries);
        if (number >= seen.Length) return null;
        return uint.TryParse(seen[number], out var index) ? ByIndex(index) : ByUuid(seen[number]);
    }

    internal static uint? NumberOf(string name) => name switch
    {
        "cuda" => 0,
        _ when name.StartsWith("cuda:", StringComparison.Ordinal) && uint.TryParse(name.AsSpan(5), out var number) => number,
        _ => null,
    };

    private nint? ByIndex(uint index) => index < Count && Find<HandleByIndex>("nvmlDeviceGetHandleByIndex_v2") is { } call
        && call(index, out var device) == Success ? device : null;

    private nint? ByUuid(string uuid) => Find<HandleByUuid>("nvmlDeviceGetHandleByUUID") is { } call
        && call(Encoding.ASCII.GetBytes(uuid + "\0"), out var device) == Success ? device : null;

    private T? Find<T>(string name) where T : Delegate
        => library != 0 && NativeLibrary.TryGetExport(library, name, out var address)
            ? Marshal.GetDelegateForFunctionPointer<T>(address) : null;

    private static string Text(byte[] text) => Encoding.UTF8.GetString(text, 0, Math.Max(0, Array.IndexOf(text, (byte)0)));

    private static int? Megabytes(ulong? bytes) => bytes is { } known ? (int)(known >> 20) : null;
}
