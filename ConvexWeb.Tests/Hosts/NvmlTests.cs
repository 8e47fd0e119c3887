using System.Diagnostics;
using System.Runtime.InteropServices;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Hosts;

/// <summary>NVIDIA's library where there is none, where it fails, and as a stand-in in C that keeps nvml.h's signatures.</summary>
public sealed class NvmlTests : IDisposable
{
    // The second device has a name and no figures.
    private const string StandIn =
        """
        #include <string.h>
        static int on;
        typedef struct { unsigned long long total, free, used; } memory;
        typedef struct { unsigned int gpu, memory; } rates;
        typedef struct { unsigned int pid; unsigned long long used; unsigned int gpu_instance, compute_instance; } use;
        int nvmlInit_v2(void) { on = 1; return INIT; }
        int nvmlShutdown(void) { on = 0; return 0; }
        int nvmlSystemGetDriverVersion(char *text, unsigned int n) { if (!on || n < 80) return 7; strcpy(text, "580.65.06"); return 0; }
        int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return on ? 0 : 1; }
        int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) { *device = (void *)(long)(index + 1); return 0; }
        int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
          if (strcmp(uuid, "GPU-b")) return 6;
          *device = (void *)2;
          return 0;
        }
        int nvmlDeviceGetName(void *device, char *text, unsigned int n) {
          if (n < 96) return 7;
          strcpy(text, device == (void *)1 ? "NVIDIA H200" : "NVIDIA T400");
          return 0;
        }
        int nvmlDeviceGetMemoryInfo(void *device, memory *m) {
          if (device != (void *)1) return 3;
          m->total = 143771ull << 20; m->used = 12345ull << 20; m->free = m->total - m->used;
          return 0;
        }
        int nvmlDeviceGetUtilizationRates(void *device, rates *r) { r->gpu = 87; r->memory = 20; return device == (void *)1 ? 0 : 3; }
        int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *t) { *t = 61; return device == (void *)1 && !sensor ? 0 : 3; }
        int nvmlDeviceGetPowerUsage(void *device, unsigned int *mw) { *mw = 412500; return device == (void *)1 ? 0 : 3; }
        int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, use *uses) {
          if (*count < 2) { *count = 2; return 7; }
          uses[0].pid = 11; uses[0].used = ~0ull;
          uses[1].pid = 12; uses[1].used = 3000ull << 20;
          *count = 2;
          return 0;
        }
        """;

    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Read_NoLibrary_NothingIsThere()
    {
        using var nvml = new Nvml("libnvidia-ml.so.no-such", visible: null);
        Assert.Equal((null, 0, null, null), (nvml.Driver, nvml.Count, nvml.Read("cuda:0"), nvml.UsedBy(1, "cuda:0")));
    }

    [Fact]
    public void Read_LibraryWithoutItsFunctions_NothingIsThere()
    {
        using var nvml = new Nvml("libc.so.6", visible: null);
        Assert.Equal((null, 0, null), (nvml.Driver, nvml.Count, nvml.Read("cuda:0")));
    }

    [Fact]
    public void Structs_LieInMemoryAsNvmlHas()
    {
        Assert.Equal((24, 8), (Marshal.SizeOf<Nvml.Memory>(), Marshal.SizeOf<Nvml.Utilisation>()));
        Assert.Equal(
            (24, 8, 16, 20),
            (Marshal.SizeOf<Nvml.ProcessUse>(), Offset("Memory"), Offset("GpuInstance"), Offset("ComputeInstance")));
        static int Offset(string field) => (int)Marshal.OffsetOf<Nvml.ProcessUse>(field);
    }

    [Theory]
    [InlineData("cuda", 0)]
    [InlineData("cuda:3", 3)]
    [InlineData("cuda:", -1)]
    [InlineData("cuda:-1", -1)]
    [InlineData("cpu", -1)]
    public void NumberOf_Device_IsTheOneBehindTheColon(string name, int number)
        => Assert.Equal(number < 0 ? null : (uint)number, Nvml.NumberOf(name));

    [Fact]
    public async Task Read_DevicesOfTheLibrary_HaveTheirFigures()
    {
        using var nvml = new Nvml(await CompileAsync(init: 0), visible: null);

        Assert.Equal(("580.65.06", 2), (nvml.Driver, nvml.Count));
        Assert.Equal(new DeviceReport("cuda:0", "NVIDIA H200", 143771, 12345, 87, 61, 412.5), nvml.Read("cuda:0"));
        Assert.Equal(new DeviceReport("cuda:1", "NVIDIA T400", null, null, null, null, null), nvml.Read("cuda:1"));
        Assert.Null(nvml.Read("cuda:2"));
        Assert.Equal((3000, null, null), (nvml.UsedBy(12, "cuda:0"), nvml.UsedBy(11, "cuda:0"), nvml.UsedBy(13, "cuda:0")));
    }

    [Theory]
    [InlineData("1, 0", "cuda:0", "NVIDIA T400")]
    [InlineData("1, 0", "cuda:1", "NVIDIA H200")]
    [InlineData("GPU-b", "cuda:0", "NVIDIA T400")]
    [InlineData("GPU-c", "cuda:0", null)]
    [InlineData("1", "cuda:1", null)]
    [InlineData("-1", "cuda:0", null)]
    public async Task Read_DevicesThatCudaMaySee_AreNumberedAsCudaDoes(string visible, string name, string? model)
    {
        using var nvml = new Nvml(await CompileAsync(init: 0), visible);
        Assert.Equal(model, nvml.Read(name)?.Model);
    }

    [Fact]
    public async Task Read_NoDriverBehindTheLibrary_NothingIsThere()
    {
        using var nvml = new Nvml(await CompileAsync(init: 9), visible: null); // NVML_ERROR_DRIVER_NOT_LOADED
        Assert.Equal((null, 0, null), (nvml.Driver, nvml.Count, nvml.Read("cuda:0")));
    }

    private async Task<string> CompileAsync(int init)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/gcc"), "There is no gcc here to make a stand-in of NVIDIA's library with.");
        var source = Path.Combine(folder.Path, "nvml.c");
        var library = Path.Combine(folder.Path, "libnvml.so");
        await File.WriteAllTextAsync(source, StandIn);
        using var compiler = Process.Start("/usr/bin/gcc", ["-shared", "-fPIC", $"-DINIT={init}", "-o", library, source]);
        await compiler.WaitForExitAsync();
        Assert.Equal(0, compiler.ExitCode);
        return library;
    }
}
