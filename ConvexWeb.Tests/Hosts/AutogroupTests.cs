using ConvexWeb.Server.Hosts;

namespace ConvexWeb.Tests.Hosts;

/// <summary>Whose group of processes is whose; what is done with it, HangTests try on real trainers.</summary>
public sealed class AutogroupTests
{
    [Theory]
    [InlineData("/autogroup-12 nice 0", "/autogroup-7 nice 0", true)]
    [InlineData("/autogroup-7 nice 0", "/autogroup-7 nice 0", false)]
    [InlineData("/autogroup-12 nice 0", "", true)] // we are in the root group: started by init, without a session of our own
    [InlineData("", "", false)] // both are: it has not left yet
    [InlineData("", "/autogroup-7 nice 0", false)]
    public void A_process_has_left_once_it_has_a_group_that_is_not_ours(string its, string ours, bool left)
        => Assert.Equal(left, Autogroup.HasLeft(Autogroup.Name(its), Autogroup.Name(ours)));
}
