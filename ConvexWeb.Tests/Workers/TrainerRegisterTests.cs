using System.Diagnostics;
using System.Text.Json;
using ConvexWeb.Server;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Trainers;
using ConvexWeb.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ConvexWeb.Tests.Workers;

/// <summary>Which processes a worker ends when it starts, with real ones. Each stands in for a trainer that hangs.</summary>
public sealed class TrainerRegisterTests : IDisposable
{
    private const string Program = "the-trainer";

    // A worker that was killed: no process has its id.
    private const int Dead = int.MaxValue;

    private readonly TestFolder folder = new();
    private readonly List<Process> processes = [];

    public void Dispose()
    {
        foreach (var process in processes)
        {
            process.Kill(entireProcessTree: true);
            process.Dispose();
        }
        folder.Dispose();
    }

    [Fact]
    public async Task EndOrphans_WorkerIsDead_TrainerAndItsChildrenEnd()
    {
        var (register, trainer) = (Register(), Start(child: true));
        var child = await ChildAsync(trainer);
        var file = Put(register, Entry(trainer));

        Assert.Equal(1, await register.EndOrphansAsync(default));

        await trainer.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
        await EndAsync(child);
        Assert.False(File.Exists(file));
    }

    [Fact]
    public async Task EndOrphans_IdWithAnotherStart_IsLeftAlone()
    {
        var (register, other) = (Register(), Start());
        var file = Put(register, Entry(other) with { Started = ProcessStat.Of(other.Id)!.Started - 1 });

        Assert.Equal(0, await register.EndOrphansAsync(default));

        Assert.True(ProcessStat.Of(other.Id)!.Lives);
        Assert.False(File.Exists(file));
    }

    [Fact]
    public async Task EndOrphans_AnotherProgram_IsLeftAlone()
    {
        var (register, other) = (Register(), Start());
        Put(register, Entry(other) with { Program = "another" });

        Assert.Equal(0, await register.EndOrphansAsync(default));

        Assert.True(ProcessStat.Of(other.Id)!.Lives);
    }

    [Fact]
    public async Task EndOrphans_WorkerLives_ItsTrainerIsLeftAlone()
    {
        var (register, trainer) = (Register(), Start());
        using var registration = register.Add(trainer.Id, Program); // by this process

        Assert.Equal(0, await Register().EndOrphansAsync(default));

        Assert.True(ProcessStat.Of(trainer.Id)!.Lives);
        Assert.Single(Directory.GetFiles(register.Folder));
    }

    [Fact]
    public async Task EndOrphans_WorkersIdIsAnothersNow_TrainerEnds()
    {
        var (register, trainer, other) = (Register(), Start(), Start());
        var start = ProcessStat.Of(other.Id)!.Started;
        Put(register, Entry(trainer) with { Server = other.Id, ServerStarted = start - 1 });

        Assert.Equal(1, await register.EndOrphansAsync(default));
        Assert.True(ProcessStat.Of(other.Id)!.Lives);
    }

    [Fact]
    public async Task EndOrphans_AnotherMachinesOrWorkers_IsLeftAlone()
    {
        var (register, trainer) = (Register(), Start());
        var file = Put(register, Entry(trainer) with { Place = "another" });
        Put(Register("next"), Entry(trainer));

        Assert.Equal(0, await register.EndOrphansAsync(default));

        Assert.True(ProcessStat.Of(trainer.Id)!.Lives);
        Assert.True(File.Exists(file));
    }

    [Theory]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("gpu 1")]
    public void Folder_AnyName_IsBelowTheDataFolder(string name)
    {
        var parts = Path.GetRelativePath(folder.Path, Path.GetFullPath(Register(name).Folder)).Split('/');
        Assert.Equal(("workers", "trainers", 3), (parts[0], parts[^1], parts.Length));
    }

    [Fact]
    public async Task Start_Trainer_IsRegisteredUntilItEnds()
    {
        var register = Register();
        var begin = new ProcessStartInfo("/bin/bash", ["-c", "read spec; read more"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        await using var trainer = await TrainerProcess.StartAsync(new(begin, Program, Register: register), "{}", TimeProvider.System);
        var file = Assert.Single(Directory.GetFiles(register.Folder));
        var entry = JsonSerializer.Deserialize<TrainerRegister.Entry>(await File.ReadAllTextAsync(file))!;
        Assert.Equal((trainer.Id, Environment.ProcessId), (entry.Id, entry.Server));
        Assert.Equal(ProcessStat.Of(trainer.Id)!.Started, entry.Started);

        trainer.AskToStop();
        await trainer.Exited;

        Assert.Empty(Directory.GetFiles(register.Folder));
    }

    private TrainerRegister Register(string name = "worker-1") => new(
        new WorkerSettings { Name = name }, Options.Create(new Settings { Data = folder.Path }), TimeProvider.System,
        NullLogger<TrainerRegister>.Instance);

    private Process Start(bool child = false)
    {
        var process = Process.Start("/bin/bash", ["-c", child ? "sleep 1000 & wait" : "sleep 1000; :", Program]);
        processes.Add(process);
        return process;
    }

    private static async Task<int> ChildAsync(Process process)
    {
        while (true)
        {
            if (ProcessStat.Tree(process.Id) is [_, var child, ..]) return child.Id;
            await Task.Delay(10); // between two looks at /proc
        }
    }

    /// <summary>A killed process lives on for a moment: until it next gets a processor.</summary>
    private static async Task EndAsync(int id)
    {
        var waited = Stopwatch.StartNew();
        while (ProcessStat.Of(id) is { Lives: true })
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(10), "The child of a trainer that was ended still runs.");
            await Task.Delay(10); // between two looks at /proc
        }
    }

    private static TrainerRegister.Entry Entry(Process trainer)
        => new(trainer.Id, ProcessStat.Of(trainer.Id)!.Started, Program, Dead, 1, Machine.Place);

    private static string Put(TrainerRegister register, TrainerRegister.Entry entry)
    {
        Directory.CreateDirectory(register.Folder);
        var file = Path.Combine(register.Folder, $"{entry.Id}-{entry.Started}.json");
        File.WriteAllText(file, JsonSerializer.Serialize(entry));
        return file;
    }
}
