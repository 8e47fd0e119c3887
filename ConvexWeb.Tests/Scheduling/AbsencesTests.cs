using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Scheduling;

namespace ConvexWeb.Tests.Scheduling;

public sealed class AbsencesTests
{
    private static readonly (long, int) Item = (7, 1);

    private readonly Clock clock = new();
    private readonly WorkerSettings settings = new();
    private readonly Absences absences;

    public AbsencesTests() => absences = new(settings, clock);

    [Fact]
    public void A_worker_that_is_gone_is_given_up_soon_after_its_lease()
    {
        Pass(60); // long enough after the start

        Assert.Empty(Pass(1.5, Item));
        Assert.Empty(Pass(1.5, Item));
        Assert.Equal([Item], Pass(1.5, Item));
    }

    [Fact]
    public void Passes_that_come_at_once_count_for_no_more_than_their_time()
    {
        Pass(60);

        for (var i = 0; i < 5; i++) Assert.Empty(Pass(0.1, Item));
    }

    [Fact]
    public void One_that_renews_in_between_begins_anew()
    {
        Pass(60);
        Pass(1.5, Item);
        Pass(1.5);

        Assert.Empty(Pass(1.5, Item));
        Assert.Empty(Pass(1.5, Item));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void After_an_outage_every_worker_has_the_time_to_come_back(bool fails)
    {
        Pass(60);
        if (fails) absences.Break();
        else Pass(1.5, took: 20, Item); // a question that hung through it

        for (var waited = 1.5; waited < settings.Lease.TotalSeconds + 5; waited += 1.5) Assert.Empty(Pass(1.5, Item));
        Assert.Equal([Item], Pass(1.5, Item));
    }

    private IReadOnlyList<(long, int)> Pass(double after, params (long, int)[] overdue) => Pass(after, took: 0.01, overdue);

    private IReadOnlyList<(long, int)> Pass(double after, double took, params (long, int)[] overdue)
    {
        clock.Go(after);
        var asked = clock.GetTimestamp();
        clock.Go(took);
        return absences.Judge(overdue, asked);
    }

    private sealed class Clock : TimeProvider
    {
        private long now;

        public void Go(double seconds) => now += (long)(seconds * TimestampFrequency);

        public override long GetTimestamp() => now;
    }
}
