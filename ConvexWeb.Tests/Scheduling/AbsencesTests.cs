using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Scheduling;

namespace ConvexWeb.Tests.Scheduling;

public sealed class AbsencesTests
{
    private static readonly (long, int) Item = (7, 1);
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1.5);

    private readonly Clock clock = new();
    private readonly WorkerSettings settings = new();
    private readonly Absences absences;

    public AbsencesTests() => absences = new(settings, Step, TimeSpan.FromSeconds(5), clock);

    [Fact]
    public void A_worker_that_is_gone_is_given_up_soon_after_its_lease()
    {
        Settle();

        Assert.Empty(Pass(1.5, Item));
        Assert.Empty(Pass(1.5, Item));
        Assert.Equal([Item], Pass(1.5, Item));
    }

    [Fact]
    public void Passes_that_come_at_once_count_for_no_more_than_their_time()
    {
        Settle();

        for (var i = 0; i < 5; i++) Assert.Empty(Pass(0.1, Item));
    }

    [Fact]
    public void Time_begins_again_for_one_that_renews_in_between()
    {
        Settle();
        Pass(1.5, Item);
        Pass(1.5);

        Assert.Empty(Pass(1.5, Item));
        Assert.Empty(Pass(1.5, Item));
    }

    [Fact]
    public void After_an_outage_every_worker_has_the_time_to_come_back()
    {
        Settle();
        Assert.Empty(Pass(20, Item)); // whatever hung, and wherever: there was no answer

        for (var waited = 1.5; waited < settings.Lease.TotalSeconds + 5; waited += 1.5) Assert.Empty(Pass(1.5, Item));
        Assert.Equal([Item], Pass(1.5, Item));
    }

    [Fact]
    public void An_answer_that_comes_a_little_late_postpones_nothing()
    {
        Settle();
        Pass(1.5, Item);

        Assert.Equal([Item], Pass(5, Item));
    }

    // Long enough after the start.
    private void Settle()
    {
        for (var passes = 0; passes < 20; passes++) Pass(1.5);
    }

    private IReadOnlyList<(long, int)> Pass(double after, params (long, int)[] overdue)
    {
        clock.Go(after);
        return absences.Judge(overdue);
    }

    private sealed class Clock : TimeProvider
    {
        private long now;

        public void Go(double seconds) => now += (long)(seconds * TimestampFrequency);

        public override long GetTimestamp() => now;
    }
}
