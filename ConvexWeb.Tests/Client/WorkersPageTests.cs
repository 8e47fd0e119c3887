using ConvexWeb.Client.Contracts;
using ConvexWeb.Client.Workers;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;

namespace ConvexWeb.Tests.Client;

public sealed class WorkersPageTests : BunitContext
{
    [Fact]
    public void A_worker_shows_version_devices_and_why_it_takes_nothing()
    {
        var worker = new WorkerView("gpu", "host", 2, "gpu", Alive: true, DateTimeOffset.UtcNow, [], [])
        {
            Version = "1.2.3",
            Draining = true,
            Refused = "It is of another version.",
            Devices = [new("cuda:0", "H200", 143360, 10240, 87.4, 61, 412), new("cuda:1", null, null, null, null, null, null)],
        };
        Services.AddSingleton(TimeProvider.System).AddSingleton<IWorkers>(new OneWorker(worker));
        SetRendererInfo(new RendererInfo("Server", isInteractive: true));

        var page = Render<WorkersPage>();

        page.WaitForAssertion(() => Assert.Contains("1.2.3", page.Markup, StringComparison.Ordinal));
        Assert.Contains("87 %, 10.0 of 140.0 GB, 61 °C, 412 W", page.Markup, StringComparison.Ordinal);
        Assert.Contains("no figures", page.Markup, StringComparison.Ordinal);
        Assert.Contains("Draining", page.Markup, StringComparison.Ordinal);
        Assert.Contains("It is of another version.", page.Markup, StringComparison.Ordinal);
    }

    private sealed class OneWorker(WorkerView worker) : IWorkers
    {
        public Task<IReadOnlyList<WorkerView>> ListAsync(CancellationToken cancel = default)
            => Task.FromResult<IReadOnlyList<WorkerView>>([worker]);

        public Task<IReadOnlyList<WorkerSample>?> SamplesAsync(string name, DateTimeOffset? since, CancellationToken cancel = default)
            => throw new NotSupportedException();

        public Task<bool> DrainAsync(string name, bool draining, CancellationToken cancel = default) => throw new NotSupportedException();
    }
}
