using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Trainers;

namespace ConvexWeb.Tests.Workers;

public sealed class FolderGuardTests
{
    private static readonly WorkerSettings Settings = new() { HangLimit = TimeSpan.FromSeconds(1) };
    private readonly FolderGuard guard = new(Settings, TimeProvider.System, default);

    [Fact]
    public async Task A_copy_that_goes_on_may_take_longer_than_a_folder_may_be_silent()
    {
        var parts = await guard.CallLongAsync(goesOn =>
        {
            for (var part = 0; part < 6; part++, goesOn()) Thread.Sleep(400); // a part of a slow copy
            return 6;
        });

        Assert.Equal(6, parts);
    }

    [Fact]
    public async Task What_comes_when_nobody_waits_any_more_is_taken_care_of()
    {
        using var go = new ManualResetEventSlim();
        var taken = new TaskCompletionSource<string>();

        await Assert.ThrowsAsync<FolderSilentException>(() => guard.CallLongAsync(
            _ =>
            {
                go.Wait();
                return "late";
            },
            late: answer =>
            {
                taken.SetResult(answer);
                return ValueTask.CompletedTask;
            }));
        go.Set();

        Assert.Equal("late", await taken.Task.WaitAsync(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task One_that_stands_still_is_left_behind()
    {
        using var never = new ManualResetEventSlim();

        await Assert.ThrowsAsync<FolderSilentException>(() => guard.CallLongAsync(goesOn =>
        {
            goesOn();
            return never.Wait(TimeSpan.FromMinutes(1));
        }));
        never.Set();
    }
}
