using ConvexWeb.Server.Hosts;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Hosts;

/// <summary>What is read of a host, from files as the kernel writes them, and from this machine's own.</summary>
public sealed class HostProbeTests : IDisposable
{
    private static readonly Dictionary<string, int> NoSettings = [];

    private readonly TestFolder folder = new();
    private readonly Nvml nvml = new("libnvidia-ml.so.no-such", visible: null);

    public void Dispose()
    {
        nvml.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Read_MachineWithoutLimits_IsTheMachine()
    {
        Machine();
        var probe = Probe();
        Assert.Null(Read(probe).CpuShare);
        Put("proc/stat", "cpu  250 0 50 1020 80 0 0 0 0 0\ncpu0 1 1 1 1\n"); // of 300 ticks 200 in use

        var report = Read(probe);

        Assert.Equal((16000, 6000, 1.25), (report.MemoryTotalMb, report.MemoryUsedMb, report.Load));
        Assert.Equal(2.0 / 3, report.CpuShare!.Value, 6);
        var cpu = Assert.Single(report.Devices);
        Assert.Equal(
            ("cpu", "Xeon: 8 cores", 16000, 6000, 47.5),
            (cpu.Name, cpu.Model, cpu.MemoryTotalMb, cpu.MemoryUsedMb, cpu.Temperature));
        Assert.Equal(200.0 / 3, cpu.Utilisation!.Value, 6);
    }

    [Fact]
    public void Read_MemoryOfOtherPrograms_IsNotForTrainersAndThatOfTrainersIs()
    {
        Machine();
        Process(1, 1000, "postgres", "-D", "cluster");
        Process(77, 2000, "dotnet", "trainer/ConvexWeb.Training.dll", "train", "-", "--stop-on-eof", "--device", "cpu");
        Process(78, 500, "dotnet", "trainer/ConvexWeb.Training.dll", "certify", "a.safetensors", "--stop-on-eof");
        Process(79, 700, "dotnet", "trainer/ConvexWeb.Training.dll", "train", "-", "--stop-on-eof", "--device", "cuda:0");
        Process(80, 900, "dotnet", "trainer/ConvexWeb.Training.dll", "train", "mine.json"); // a person's

        Assert.Equal(16000 - (6000 - 2000 - 500), Assert.Single(Read(Probe()).Devices).ForTrainersMb);

        void Process(int id, int memoryMb, params string[] line)
        {
            Put($"proc/{id}/cmdline", string.Join('\0', line) + "\0");
            Put($"proc/{id}/status", $"Name:\tx\nRssAnon:\t {memoryMb << 10} kB\nRssFile:\t 99999 kB\nRssShmem:\t 0 kB\n");
        }
    }

    [Fact]
    public void Read_TightestGroupAbove_CountsAsTheMachine()
    {
        Machine();
        Put("proc/self/cgroup", "4:memory:/elsewhere\n0::/pod/box\n");
        Put("sys/fs/cgroup/pod/box/memory.max", "max\n");
        Put("sys/fs/cgroup/pod/memory.max", $"{4000L << 20}\n");
        Put("sys/fs/cgroup/pod/memory.current", $"{3000L << 20}\n");
        Put("sys/fs/cgroup/pod/memory.stat", $"anon 5\ninactive_file {700L << 20}\nactive_file {300L << 20}\n");
        Put("sys/fs/cgroup/memory.max", $"{9000L << 20}\n");

        var report = Read(Probe());

        Assert.Equal((4000, 2000), (report.MemoryTotalMb, report.MemoryUsedMb));
    }

    [Fact]
    public void Read_LimitAboveWhatThereIs_IsNone()
    {
        Machine();
        Put("proc/self/cgroup", "0::/\n");
        Put("sys/fs/cgroup/memory.max", $"{64000L << 20}\n");

        Assert.Equal(16000, Read(Probe()).MemoryTotalMb);
    }

    [Fact]
    public void Read_LimitOfProcessorTime_IsWhatIsShared()
    {
        Machine();
        Put("proc/self/cgroup", "0::/\n");
        Put("sys/fs/cgroup/cpu.max", "50000 100000\n");
        Put("sys/fs/cgroup/cpu.stat", "usage_usec 7000\n");
        var time = new Clock();
        var probe = new HostProbe(nvml, time, folder.Path);
        Read(probe);
        Put("sys/fs/cgroup/cpu.stat", "usage_usec 1007000\n");
        time.Now = TimeSpan.FromSeconds(10);

        // A second of half a processor in ten.
        Assert.Equal(0.2, Read(probe).CpuShare!.Value, 6);
    }

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }
        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
        public override long GetTimestamp() => Now.Ticks;
    }

    [Fact]
    public void Read_DeviceThatIsNotThere_IsReportedWithoutFigures()
    {
        Machine();
        var report = Probe().Read(["cuda:0", "cpu", "cuda:0"], new Dictionary<string, int> { ["cpu"] = 800, ["cuda:0"] = 900 }, "1", null);

        Assert.Equal(["cpu", "cuda:0"], report.Devices.Select(device => device.Name));
        Assert.Equal([800, 900], report.Devices.Select(device => device.MemoryTotalMb));
        Assert.Null(report.Devices[1].Utilisation);
    }

    [Fact]
    public void Read_NoFilesAtAll_SaysNothingAndDoesNotThrow()
    {
        var report = Read(Probe());
        Assert.Equal((0, 0, null, null), (report.MemoryTotalMb, report.MemoryUsedMb, report.CpuShare, report.Load));
    }

    [Fact]
    public void Read_ThisMachine_HasMemoryAndCores()
    {
        var report = Read(new HostProbe(nvml, TimeProvider.System));

        Assert.InRange(report.MemoryTotalMb, 256, 1 << 26);
        Assert.InRange(report.MemoryUsedMb, 1, report.MemoryTotalMb);
        Assert.Equal(Environment.ProcessorCount, report.Cores);
        Assert.NotNull(report.Load);
    }

    [Theory]
    [InlineData(2, 5, 6, true)]
    [InlineData(2, 5, 5, false)]
    [InlineData(null, 5, 6, true)]
    [InlineData(2, 6, 6, false)]
    public void Since_CountOfTheGroup_GoesBeforeTheMachines(int? group, int before, int after, bool expected)
    {
        // The machine's count rises in any case: another's victim. Where the group counts, that is none of ours.
        Put("proc/self/cgroup", "0::/own\n");
        void Counts(int own, int machine)
        {
            if (group is not null) Put("sys/fs/cgroup/own/memory.events", $"low 0\noom 9\noom_kill {own}\n");
            Put("proc/vmstat", $"nr_free 1\noom_kill {machine}\n");
        }
        var memory = new OutOfMemory(folder.Path);
        Counts(before, 10);
        var count = memory.Count();
        Counts(after, 11);

        Assert.Equal(expected, memory.Since(count));
    }

    [Fact]
    public void Since_NothingCounts_CannotBeSaid() => Assert.Null(new OutOfMemory(folder.Path).Since(null));

    [Fact]
    public void Of_ThisProcess_HasItsParentAndProgram()
    {
        var own = ProcessStat.Of(Environment.ProcessId)!;
        Assert.True(own is { Lives: true, Ticks: > 0, Started: > 0, Parent: > 0 });
        Assert.NotEmpty(ProcessStat.CommandLine(own.Id));
        Assert.InRange(ProcessStat.PeakMemoryMb(own.Id)!.Value, 10, 1 << 20);
        Assert.Null(ProcessStat.Of(int.MaxValue));
    }

    [Theory]
    [InlineData("""{"libraries":{"TorchSharp/0.107.0":{},"libtorch-cpu-linux-x64/2.10.0":{}}}""", "2.10.0 cpu")]
    [InlineData(
        """{"libraries":{"libtorch-cuda-12.8-linux-x64-part1/2.9.0":{},"libtorch-cuda-12.8-linux-x64/2.10.0":{}}}""", "2.10.0 cuda-12.8")]
    [InlineData("""{"libraries":{}}""", null)]
    [InlineData("no JSON", null)]
    public void VersionOf_Trainer_IsInItsPackages(string packages, string? version)
    {
        Put("trainer.deps.json", packages);
        Assert.Equal(version, TensorLibrary.VersionOf(Path.Combine(folder.Path, "trainer.dll")));
    }

    [Fact]
    public void VersionOf_TheTrainerBesideUs_IsTheOneThatItLoads()
    {
        var words = TensorLibrary.VersionOf(TrainerProgram.File)!.Split(' ');
        Assert.StartsWith(words[0], TorchSharp.torch.__version__, StringComparison.Ordinal);
        Assert.Equal("cpu", words[1]);
    }

    private HostProbe Probe() => new(nvml, TimeProvider.System, folder.Path);

    private static HostReport Read(HostProbe probe) => probe.Read(["cpu"], NoSettings, "1", null);

    private void Machine()
    {
        Put("proc/meminfo", $"MemTotal:       {16000 << 10} kB\nMemFree:  1 kB\nMemAvailable:   {10000 << 10} kB\n");
        Put("proc/stat", "cpu  80 0 20 900 100 0 0 0 0 0\ncpu0 1 1 1 1\n");
        Put("proc/loadavg", "1.25 0.80 0.50 2/300 1234\n");
        Put("proc/cpuinfo", "processor\t: 0\nmodel name\t: Xeon: 8 cores\n");
        Put("sys/class/hwmon/hwmon0/name", "nvme\n");
        Put("sys/class/hwmon/hwmon0/temp1_input", "30000\n");
        Put("sys/class/hwmon/hwmon1/name", "coretemp\n");
        Put("sys/class/hwmon/hwmon1/temp1_input", "47500\n");
    }

    private void Put(string path, string text)
    {
        var file = Path.Combine(folder.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
