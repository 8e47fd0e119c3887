using ConvexWeb.Server.Trainers;

namespace ConvexWeb.Tests.Workers;

public sealed class ReasonsTests
{
    [Fact]
    public void OfExit_NoSpaceLeft_NamesTheDisk() =>
        Assert.StartsWith(
            "The disk of",
            Reasons.OfExit(1, "System.IO.IOException: No space left on device", Path.GetTempPath()), StringComparison.Ordinal);
}
