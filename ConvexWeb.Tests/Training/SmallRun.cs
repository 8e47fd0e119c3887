using ConvexWeb.Training.Data;
using ConvexWeb.Training.Engine;
using ConvexWeb.Training.Events;
using ConvexWeb.Training.Models.Graph;
using ConvexWeb.Training.Specs;
using static TorchSharp.torch;

namespace ConvexWeb.Tests.Training;

/// <summary>Trainings in this process, in folders of their own that go with it.</summary>
internal sealed class SmallRun : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("convexweb-run-").FullName;

    public string FolderOf(string name) => Path.Combine(root, name);

    /// <param name="stopAfter">Stops the training behind the first event of which it says so.</param>
    /// <param name="inspect">Looks at the network at the end.</param>
    public List<TrainingEvent> Train(
        Spec spec, string name, ulong seed = 1, bool resume = false, Func<TrainingEvent, bool>? stopAfter = null,
        Action<PlanNetwork>? inspect = null)
    {
        var folder = Directory.CreateDirectory(FolderOf(name)).FullName;
        var set = new DatasetStore(root, new Fetcher(new HttpClient())).LoadAsync(spec.Data, null, _ => { }, default).Result;
        var events = new List<TrainingEvent>();
        using var stop = new CancellationTokenSource();
        using var data = TrainingData.Prepare(spec, set, seed, CPU, root, folder, _ => { });
        using var writer = new EventWriter(Path.Combine(folder, "metrics.jsonl"), (happened, _) => events.Add(happened),
            TimeProvider.System)
        {
            OnReport = happened =>
            {
                if (stopAfter?.Invoke(happened) == true) stop.Cancel();
            },
        };
        using var trainer = new Trainer(spec, new TrainerSettings(seed, CPU, folder, resume, TimeProvider.System), data, writer);
        trainer.Run(stop.Token);
        writer.Dispose();
        inspect?.Invoke(trainer.Network);
        return events;
    }

    public void Dispose() => Directory.Delete(root, recursive: true);
}
