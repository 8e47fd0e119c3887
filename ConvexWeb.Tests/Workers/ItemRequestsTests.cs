using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Workers;

/// <summary>What people ask of items, what it makes of each state, and whose items they may ask it of.</summary>
public sealed class ItemRequestsTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private static readonly Asker Owner = new("tester", IsAdmin: false, AuditActor.Server);

    private static readonly Asker Eve = new("eve", IsAdmin: false, AuditActor.Server);
    private static readonly Asker Root = new("root", IsAdmin: true, AuditActor.Server);

    private ItemRequests Items => new(Database, new(Database, TimeProvider.System));

    [Theory]
    [InlineData(ItemAction.Cancel, RunState.Queued, RunState.Cancelled, null)]
    [InlineData(ItemAction.Cancel, RunState.Paused, RunState.Cancelled, null)]
    [InlineData(ItemAction.Cancel, RunState.Running, RunState.Running, "cancel")]
    [InlineData(ItemAction.Cancel, RunState.Succeeded, null, null)]
    [InlineData(ItemAction.Pause, RunState.Queued, RunState.Paused, null)]
    [InlineData(ItemAction.Pause, RunState.Running, RunState.Running, "pause")]
    [InlineData(ItemAction.Pause, RunState.Paused, null, null)]
    [InlineData(ItemAction.Pause, RunState.Failed, null, null)]
    [InlineData(ItemAction.Resume, RunState.Paused, RunState.Queued, null)]
    [InlineData(ItemAction.Resume, RunState.Queued, null, null)]
    [InlineData(ItemAction.Resume, RunState.Running, null, null)]
    [InlineData(ItemAction.Requeue, RunState.Failed, RunState.Queued, null)]
    [InlineData(ItemAction.Requeue, RunState.Cancelled, RunState.Queued, null)]
    [InlineData(ItemAction.Requeue, RunState.Succeeded, null, null)]
    [InlineData(ItemAction.Requeue, RunState.Running, null, null)]
    public async Task Each_action_does_what_it_says_or_says_why_not(ItemAction action, RunState before, RunState? now, string? wish)
    {
        var run = await Database.AddRunAsync();
        await Database.ScalarAsync<int>("update work_items set state = @state, attempt = 1 returning 1", new { state = before.ToString() });

        var asked = Assert.Single(await Items.AskRunsAsync(action, [run], Owner, default));

        Assert.Equal((before, now), (asked.Before, asked.Now));
        Assert.Equal(((now ?? before).ToString(), wish), (
            await Database.RowsAsync<(string, string?)>("select state, wish from work_items")).Single());
        Assert.Equal(now is null, ItemRequests.Refusal(asked, action, "run") is not null);
    }

    [Fact]
    public async Task Only_the_creator_and_administrators_may()
    {
        var run = await Database.AddRunAsync();

        var stranger = Assert.Single(await Items.AskRunsAsync(ItemAction.Cancel, [run], Eve, default));
        Assert.False(stranger.Allowed);
        Assert.Equal(
            "The run is tester's: only tester and administrators may cancel it.",
            ItemRequests.Refusal(stranger, ItemAction.Cancel, "run"));
        Assert.EndsWith("may requeue it.", ItemRequests.Refusal(stranger, ItemAction.Requeue, "run"), StringComparison.Ordinal);
        Assert.Equal("Queued", await Database.StateAsync(run));

        Assert.Equal(
            RunState.Cancelled, Assert.Single(await Items.AskRunsAsync(ItemAction.Cancel, [run], Root, default)).Now);
    }

    [Fact]
    public async Task Many_at_once_are_done_where_it_can_be_done()
    {
        var runs = new List<long>();
        for (var i = 0; i < 4; i++) runs.Add(await Database.AddRunAsync(user: i == 3 ? "eve" : "tester"));
        await Items.AskRunsAsync(ItemAction.Cancel, [runs[0]], Owner, default);

        var asked = await Items.AskRunsAsync(ItemAction.Pause, [.. runs, 999], Owner, default);

        Assert.Equal([null, RunState.Paused, RunState.Paused, null], asked.OrderBy(item => item.RunId).Select(item => item.Now));
    }

    [Fact]
    public async Task A_wish_to_cancel_is_not_taken_back_by_a_pause_but_a_pause_by_resuming()
    {
        var run = await Database.AddRunAsync();
        await Database.ClaimAsync(run);
        await Items.AskRunsAsync(ItemAction.Pause, [run], Owner, default);
        Assert.Equal(RunState.Running, Assert.Single(await Items.AskRunsAsync(ItemAction.Resume, [run], Owner, default)).Now);
        Assert.Null(await Database.ScalarAsync<string?>("select wish from work_items"));

        await Items.AskRunsAsync(ItemAction.Cancel, [run], Owner, default);
        Assert.Null(Assert.Single(await Items.AskRunsAsync(ItemAction.Pause, [run], Owner, default)).Now);
        Assert.Equal("cancel", await Database.ScalarAsync<string>("select wish from work_items"));
    }

    [Fact]
    public async Task Another_priority_changes_whose_turn_it_is()
    {
        var first = await Database.AddRunAsync();
        var second = await Database.AddRunAsync();

        await Items.PrioritiseAsync(Priority.High, [second], Owner, default);

        Assert.Equal(second, (await new Leases(Database, new WorkerSettings()).ClaimAsync(["cpu"]))!.RunId);
        Assert.Equal(first, (await new Leases(Database, new WorkerSettings()).ClaimAsync(["cpu"]))!.RunId);
    }
}
