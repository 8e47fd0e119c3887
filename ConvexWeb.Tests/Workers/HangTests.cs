using System.Diagnostics;
using System.Globalization;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Hosts;
using ConvexWeb.Server.Trainers;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Workers;

/// <summary>Trainers that do nothing any more, and those that only look so; with real processes.</summary>
[Trait("kind", "slow")]
public sealed class HangTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task D5_One_that_was_stopped_is_ended_and_the_reason_says_so()
    {
        await using var trainer = await StartAsync("while :; do read -t 0.02; echo line; done");
        await using var watch = HangWatch.Over(trainer, Limit, TimeProvider.System);
        await trainer.ChangedAsync(Long);
        using (var process = Process.GetProcessById(trainer.Id)) process.FallAsleep();

        await trainer.Exited.WaitAsync(Long);

        Assert.Equal(137, trainer.ExitCode);
        Assert.StartsWith("The trainer hung: for 1 seconds", watch.Reason, StringComparison.Ordinal);
        Assert.Contains("stopped by a signal", watch.Reason, StringComparison.Ordinal);
        Assert.False(trainer.KilledForMemory);
    }

    [Fact]
    public async Task D5_One_that_waits_for_a_file_that_no_process_writes_is_ended()
    {
        await using var trainer = await StartAsync("mkfifo image; cat image");
        await using var watch = HangWatch.Over(trainer, Limit, TimeProvider.System);

        await trainer.Exited.WaitAsync(Long);

        Assert.NotNull(watch.Reason);
    }

    [Theory]
    [InlineData("for i in 1 2 3 4 5 6 7 8; do sleep 0.4; echo $i; done")] // sleeps, and speaks
    [InlineData("for i in 1 2 3 4 5 6; do sleep 0.4; for ((n = 0; n < 30000; n++)); do :; done; done")] // silent, computes now and then
    [InlineData("(for i in 1 2 3 4 5 6; do sleep 0.4; for ((n = 0; n < 30000; n++)); do :; done; done) & wait")] // its child does
    public async Task One_that_is_slow_is_left_alone(string script)
    {
        await using var trainer = await StartAsync(script + "; exit 7");
        await using var watch = HangWatch.Over(trainer, Limit, TimeProvider.System);
        var begun = TimeProvider.System.GetTimestamp();

        await trainer.Exited.WaitAsync(Long);

        Assert.Equal((7, null), (trainer.ExitCode, watch.Reason));
        Assert.True(TimeProvider.System.GetElapsedTime(begun) > 2 * Limit);
    }

    [Fact]
    public async Task The_true_trainer_is_seen_to_work_and_its_memory_is_noted()
    {
        const string spec = """{"model":{"name":"mlp"},"data":{"name":"glyphs"},"training":{"epochs":1000,"points_every":100000}}""";
        var begin = new ProcessStartInfo(
            TrainerProgram.Host, [TrainerProgram.File, "train", "-", "--out", folder.Path, "--data", folder.Path, "--threads", "1"]);
        await using var trainer = await StartAsync(begin, spec);
        await using var watch = HangWatch.Over(trainer, Limit, TimeProvider.System);
        while (trainer.PeakMemoryMb is null or < 150) await trainer.ChangedAsync(TimeSpan.FromSeconds(1));
        await Task.Delay(2 * Limit);
        Assert.Null(watch.Reason);

        using (var process = Process.GetProcessById(trainer.Id)) process.FallAsleep();
        await trainer.Exited.WaitAsync(Long);

        Assert.NotNull(watch.Reason);
        Assert.InRange(trainer.PeakMemoryMb!.Value, 150, 4000);
    }

    [Fact]
    public async Task One_that_yields_does_so_by_its_sessions_niceness()
    {
        Assert.SkipUnless(File.Exists("/proc/self/autogroup"), "This kernel does not group processes by session.");
        var own = await File.ReadAllTextAsync("/proc/self/autogroup");
        await using var trainer = await StartAsync(Command("/usr/bin/setsid", "/bin/bash", "-c", "read line; read line"), niceness: 7);

        var path = Autogroup.PathOf(trainer.Id);
        using var limit = new CancellationTokenSource(Long);
        while (Niceness(await File.ReadAllTextAsync(path, limit.Token)) != 7) await Task.Delay(10, limit.Token);

        Assert.Equal(own, await File.ReadAllTextAsync("/proc/self/autogroup", limit.Token));
    }

    [Fact]
    public async Task One_in_our_own_session_leaves_our_niceness_alone()
    {
        Assert.SkipUnless(File.Exists("/proc/self/autogroup"), "This kernel does not group processes by session.");
        var own = await File.ReadAllTextAsync("/proc/self/autogroup");
        await using (var trainer = await StartAsync(Command("/bin/bash", "-c", "read line; sleep 0.3"), niceness: 7))
            await trainer.Exited.WaitAsync(Long);
        Assert.Equal(own, await File.ReadAllTextAsync("/proc/self/autogroup"));
    }

    // The line is empty for a process without a group: for a child of one that init started, until it has a session of its own.
    private static int? Niceness(string group) =>
        int.TryParse(group.TrimEnd().Split(' ')[^1], CultureInfo.InvariantCulture, out var niceness) ? niceness : null;

    private Task<TrainerProcess> StartAsync(string script) => StartAsync(Command("/bin/bash", "-c", $"read spec; {script}"));

    private static ProcessStartInfo Command(string program, params string[] arguments) => new(program, arguments);

    private async Task<TrainerProcess> StartAsync(ProcessStartInfo begin, string spec = "{}", int niceness = 0)
    {
        begin.WorkingDirectory = folder.Path;
        begin.RedirectStandardInput = begin.RedirectStandardOutput = begin.RedirectStandardError = true;
        return await TrainerProcess.StartAsync(new(begin, "none", niceness), spec, TimeProvider.System);
    }
}

/// <summary>The same under a worker.</summary>
public sealed class HangingRunTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    [Fact]
    public async Task A_folder_that_does_not_answer_ends_the_attempt_and_a_cancel_at_once()
    {
        await using var node = await StartNodeAsync(("Convex:Worker:HangLimit", "00:00:12"), ("Convex:Worker:RetryDelay", "00:00:00.05"));
        var run = await node.SubmitAsync("""{"steps":40,"every":5,"hang_at":12,"times":1}""");
        // Its last line: a later one would wake the reader of the pipe.
        await Database.UntilAsync("select exists (select from log_lines where text = 'hangs')");
        var journal = RunFiles.JournalOf(Folder, run);
        using (var make = Process.Start("mkfifo", journal + ".pipe")) await make.WaitForExitAsync();
        File.Move(journal + ".pipe", journal, overwrite: true);

        // The next reader waits for a writer, as for a drive that is gone.
        await Database.UntilAsync("select exists (select from attempts where outcome = 'unreachable')");
        await Database.UntilAsync("select state = 'Running' and attempt = 2 from work_items");
        var asked = TimeProvider.System.GetTimestamp();
        await node.CancelAsync(run);
        await Database.UntilAsync(run, RunState.Cancelled);
        Assert.InRange(TimeProvider.System.GetElapsedTime(asked).TotalSeconds, 0, 6); // the limit of the folder is another
    }

    [Fact]
    public async Task A_run_whose_trainer_hangs_goes_on_from_its_checkpoint()
    {
        await using var node = await StartNodeAsync(("Convex:Worker:HangLimit", "00:00:05"));
        var run = await node.SubmitAsync("""{"steps":20,"hang_at":7,"times":1}""");

        await Database.UntilAsync(run, RunState.Succeeded);

        Assert.Equal("hung,succeeded", await Database.OutcomesAsync(run));
        await Database.AssertWholeAsync(run);
    }

    [Fact]
    public async Task A_certificate_of_what_is_no_file_is_not_waited_for()
    {
        await using var node = await StartNodeAsync(("Convex:Worker:RetryDelay", "00:00:00.05"));
        var run = await node.SubmitAsync("""{"steps":5}""");
        await Database.UntilAsync(run, RunState.Succeeded);
        var checkpoint = Path.Combine(Path.GetDirectoryName(RunFiles.JournalOf(Folder, run))!, "last.safetensors");
        File.Delete(checkpoint);
        using (var make = Process.Start("mkfifo", checkpoint)) await make.WaitForExitAsync();

        await node.RequestAsync(run);
        await Database.UntilAsync("select state = 'Failed' from work_items where kind = 'certificate'");

        Assert.Contains(
            "its file is not in the data folder",
            await Database.ScalarAsync<string>("select reason from work_items where kind = 'certificate'"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_whose_trainer_hangs_fails_and_says_why()
    {
        await using var node = await StartNodeAsync(("Convex:Worker:HangLimit", "00:00:05"));
        var run = await node.SubmitAsync("""{"steps":5}""");
        await Database.UntilAsync(run, RunState.Succeeded);
        var file = await Database.ScalarAsync<string>("select id::text from this_database");
        var checkpoint = Path.Combine(Folder, "runs", file, $"{run}", "1", "last.safetensors");
        await File.WriteAllTextAsync(checkpoint, "hang\n");

        await node.RequestAsync(run);
        await Database.UntilAsync("select state = 'Failed' from work_items where kind = 'certificate'");

        Assert.StartsWith(
            "It hung twice. The trainer hung",
            await Database.ScalarAsync<string>("select reason from work_items where kind = 'certificate'"), StringComparison.Ordinal);
    }
}
