using System.Runtime.InteropServices;

namespace ConvexWeb.Training.Kernels;

/// <summary>
/// Runs the loops of kernels on libtorch's own OpenMP threads. A second pool of threads would spin against libtorch's for the same cores,
/// which costs more than most kernels gain.
/// </summary>
internal static unsafe class KernelPool
{
    private struct Loop
    {
        public delegate*<void*, long, long, int, void> Body;
        public void* State;
        public long Count;
    }

    /// <summary>Threads that a loop may have: those of libtorch. Bodies see numbers below it.</summary>
    public static int Threads => LibtorchNative.HasTeam ? Math.Max(1, LibtorchNative.MaxThreads()) : 1;

    /// <summary>
    /// Splits 0 … count − 1 into one range a thread and calls body(state, from, to, number of the thread).
    /// The body must not throw.
    /// </summary>
    /// <param name="grain">Items that are worth a thread of their own.</param>
    public static void For(long count, long grain, delegate*<void*, long, long, int, void> body, void* state)
    {
        var threads = (int)Math.Min(Threads, (count + grain - 1) / grain);
        if (threads <= 1)
        {
            if (count > 0) body(state, 0, count, 0);
            return;
        }
        var loop = new Loop { Body = body, State = state, Count = count };
        LibtorchNative.Parallel(&Enter, &loop, (uint)threads, 0);
    }

    [UnmanagedCallersOnly]
    private static void Enter(void* state)
    {
        var loop = (Loop*)state;
        long size = LibtorchNative.TeamSize();
        var number = LibtorchNative.ThreadNumber();
        var (from, to) = (loop->Count * number / size, loop->Count * (number + 1) / size);
        if (from < to) loop->Body(loop->State, from, to, number);
    }
}
