using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using ConvexWeb.Tests.Support;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Events;

namespace ConvexWeb.Tests.Training;

#pragma warning disable CA2201 // Exceptions of the runtime and of libtorch are what is told apart here.

/// <summary>What a training that fails says of the cause.</summary>
public sealed class FailureTests
{
    [Fact]
    public void CauseOf_FullDisk_IsTold()
    {
        using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        var problem = Assert.ThrowsAny<IOException>(() => full.Write(new byte[10]));

        Assert.Equal(FailureCause.DiskFull, Failure.CauseOf(problem));
        Assert.Equal(FailureCause.DiskFull, Failure.CauseOf(new IOException("The journal cannot be written.", problem)));
        Assert.StartsWith("The disk is full: ", Failure.Sentence(problem), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to …\nframe #0", true)]
    [InlineData("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 15.77 GiB …", true)]
    [InlineData("CUDA error: out of memory", true)]
    [InlineData("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)", false)]
    public void CauseOf_ErrorOfLibtorch_IsMemoryOnlyForAllocators(string message, bool isMemory)
    {
        var problem = new ExternalException(message);
        Assert.Equal(isMemory ? FailureCause.OutOfMemory : null, Failure.CauseOf(problem));
        Assert.DoesNotContain("frame", Failure.Sentence(problem), StringComparison.Ordinal);
    }

    [Fact]
    public void CauseOf_OthersErrors_IsNone()
    {
        Assert.Equal(FailureCause.OutOfMemory, Failure.CauseOf(new AggregateException(new OutOfMemoryException())));
        Assert.Null(Failure.CauseOf(new IOException("no such host")));
        Assert.Null(Failure.CauseOf(new InvalidOperationException("CUDA out of memory"))); // not an error of libtorch
    }

    [Theory]
    [InlineData(FailureCause.OutOfMemory, ",\"cause\":\"out_of_memory\"")]
    [InlineData(FailureCause.NotFinite, ",\"cause\":\"not_finite\"")]
    [InlineData(FailureCause.DiskFull, ",\"cause\":\"disk_full\"")]
    [InlineData(null, "")]
    public void Line_Cause_IsAWordOrLeftOut(FailureCause? cause, string json)
    {
        var failed = new FailedEvent(3, "e", cause) { N = 1, At = DateTimeOffset.UnixEpoch };
        var line = TrainingEvents.Line(failed);

        Assert.Contains($"\"step\":3,\"error\":\"e\"{json},\"n\"", line, StringComparison.Ordinal);
        Assert.Equal(failed, TrainingEvents.Parse(Encoding.UTF8.GetBytes(line)));
    }

    [Theory]
    [InlineData("\"struck_by_lightning\"")]
    [InlineData("7")]
    [InlineData("null")]
    public void Parse_CauseOfALaterVersion_IsAFailureAllTheSame(string cause)
    {
        var line = $"{{\"type\":\"failed\",\"step\":1,\"error\":\"e\",\"cause\":{cause},\"n\":1,\"at\":\"2026-11-21T08:00:00Z\"}}";
        var failed = Assert.IsType<FailedEvent>(TrainingEvents.Parse(Encoding.UTF8.GetBytes(line)));
        Assert.Equal(("e", null), (failed.Error, failed.Cause));
    }

    [Fact]
    [Trait("kind", "slow")]
    public async Task Train_ModelThatIsTooLargeForTheMemory_FailsWithThatCause()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/prlimit"), "There is no prlimit here to take memory away with.");
        using var folder = new TestFolder();
        const string spec = """
            {"model":{"name":"mlp","width":16384,"depth":2},"data":{"name":"glyphs","train_limit":200},"training":{"batch_size":50}}
            """;
        var output = Path.Combine(folder.Path, "run");
        var start = new ProcessStartInfo(
            "/usr/bin/prlimit",
            [
                "--as=4000000000", TrainerProgram.Host, TrainerProgram.File, "train", "-", "--out", output, "--data", folder.Path,
                "--threads", "1",
            ])
        { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        // Otherwise .NET reserves more addresses than that.
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x10000000";
        using var trainer = Process.Start(start)!;
        await trainer.StandardInput.WriteLineAsync(spec.Trim());
        trainer.StandardInput.Close();
        await Task.WhenAll(trainer.StandardOutput.ReadToEndAsync(), trainer.StandardError.ReadToEndAsync());
        await trainer.WaitForExitAsync();

        var journal = await File.ReadAllLinesAsync(Path.Combine(output, "metrics.jsonl"));
        var failed = Assert.IsType<FailedEvent>(TrainingEvents.Parse(Encoding.UTF8.GetBytes(journal[^1])));
        Assert.Equal((1, FailureCause.OutOfMemory), (trainer.ExitCode, failed.Cause));
        Assert.StartsWith("Memory ran out: ", failed.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failed.Error);
    }
}
