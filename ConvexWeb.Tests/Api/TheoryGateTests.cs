using ConvexWeb.Server.Http;
using ConvexWeb.Server.Theory;

namespace ConvexWeb.Tests.Api;

/// <summary>How many theories are computed at once, and what the others get.</summary>
public sealed class TheoryGateTests
{
    [Fact]
    public async Task One_computes_a_few_wait_and_the_next_is_refused_with_a_429()
    {
        using var gate = new TheoryGate(TimeProvider.System);
        using var release = new ManualResetEventSlim();
        var (atOnce, most) = (0, 0);
        var inside = new TaskCompletionSource();
        var tasks = Enumerable.Range(0, TheoryGate.MostWaiting + 1).Select(_ => gate.RunAsync(Work, default)).ToList();
        await inside.Task;

        var refused = await Assert.ThrowsAsync<RefusedException>(() => gate.RunAsync(Work, default));
        release.Set();

        Assert.Equal(429, refused.Status);
        Assert.All(await Task.WhenAll(tasks), isPoolThread => Assert.False(isPoolThread));
        Assert.Equal(1, most);
        Assert.False(await gate.RunAsync(Work, default)); // and there is room again

        bool Work(CancellationToken cancel)
        {
            most = Math.Max(most, Interlocked.Increment(ref atOnce));
            inside.TrySetResult();
            release.Wait(cancel);
            Interlocked.Decrement(ref atOnce);
            return Thread.CurrentThread.IsThreadPoolThread;
        }
    }

    [Fact]
    public async Task Who_waits_too_long_is_refused_and_who_goes_leaves_his_place()
    {
        var time = new HeldTime();
        using var gate = new TheoryGate(time);
        using var release = new ManualResetEventSlim();
        using var gone = new CancellationTokenSource();
        var first = gate.RunAsync(Work, default);
        var (late, leaving) = (gate.RunAsync(Work, default), gate.RunAsync(Work, gone.Token));

        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        time.FireAll();

        Assert.Equal(429, (await Assert.ThrowsAsync<RefusedException>(() => late)).Status);
        release.Set();
        Assert.True(await first);

        bool Work(CancellationToken cancel)
        {
            release.Wait(cancel);
            return true;
        }
    }

    /// <summary>A clock whose timers fire when the test says so.</summary>
    private sealed class HeldTime : TimeProvider
    {
        private readonly List<HeldTimer> timers = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new HeldTimer(() => callback(state));
            timers.Add(timer);
            return timer;
        }

        public void FireAll()
        {
            foreach (var timer in timers.ToList()) timer.Fire();
        }

        private sealed class HeldTimer(Action fire) : ITimer
        {
            private bool isDisposed;

            public void Fire()
            {
                if (!isDisposed) fire();
            }

            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose() => isDisposed = true;

            public ValueTask DisposeAsync()
            {
                isDisposed = true;
                return default;
            }
        }
    }
}
