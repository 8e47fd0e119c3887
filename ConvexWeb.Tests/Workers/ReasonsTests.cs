using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Trainers;

namespace ConvexWeb.Tests.Workers;

public sealed class ReasonsTests
{
    [Fact]
    public void OfExit_NoSpaceLeft_NamesTheDisk() =>
        Assert.StartsWith(
            "The disk of",
            Reasons.OfExit(1, "System.IO.IOException: No space left on device", Path.GetTempPath()), StringComparison.Ordinal);

    [Theory]
    [InlineData(true, "killed for memory (signal 9)")]
    [InlineData(false, "killed by signal 9, which was not sent for lack of memory")]
    [InlineData(null, "perhaps because memory ran out")]
    public void OfExit_Signal9_SaysWhetherItWasForMemory(bool? memory, string words) =>
        Assert.Contains(words, Reasons.OfExit(137, "", Path.GetTempPath(), memory), StringComparison.Ordinal);

    [Fact]
    public void OfFolder_ErrorThatMayPass_IsUnreachableAndOneThatStaysIsFailed()
    {
        var folder = Path.GetTempPath();

        Assert.Equal(Outcome.Unreachable, Reasons.OfFolder(new IOException("Stale file handle"), folder).Outcome);
        Assert.Equal(Outcome.Failed, Reasons.OfFolder(new IOException("No space left on device"), folder).Outcome);
        Assert.Equal(Outcome.Failed, Reasons.OfFolder(new UnauthorizedAccessException("Access is denied"), folder).Outcome);
    }

    [Theory]
    [InlineData(5, 'T', "for 5 seconds it reported nothing and used no processor time, and was ended. It had been stopped")]
    [InlineData(300, 'D', "for 5 minutes it reported nothing and used no processor time, and was ended. It waited for a disk")]
    public void OfHang_State_SaysWhatItWaitedFor(int seconds, char state, string words) =>
        Assert.Contains(words, Reasons.OfHang(TimeSpan.FromSeconds(seconds), state), StringComparison.Ordinal);
}
